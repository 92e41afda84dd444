package io.github.pairloom.benchmarks;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import io.github.pairloom.udfs.KeyedRandom;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;

/**
 * An OpenAI-compatible server on this machine in place of an instruct model: it rewrites the last
 * answer of the question by putting another word of the demo world in the place of one of its
 * colours, kinds, numbers or positions. Real HTTP, but no language model.
 */
final class RewritingServer implements AutoCloseable {
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final String ANSWER = "\nAnswer: ";
  private static final List<List<String>> WORDS =
      List.of(
          List.of("red", "orange", "yellow", "green", "blue", "white", "black", "brown"),
          List.of("ball", "cup", "cat", "tree", "car", "boat", "banana", "house", "book"),
          List.of("two", "three"),
          List.of("left", "middle", "right"),
          List.of("beach", "kitchen", "street", "meadow"));

  private final HttpServer server;
  private final ExecutorService threads = Executors.newFixedThreadPool(4);

  RewritingServer() {
    try {
      server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    server.createContext("/v1/chat/completions", this::answer);
    server.setExecutor(threads);
    server.start();
  }

  /** Returns the address of the API. */
  String url() {
    return "http://127.0.0.1:" + server.getAddress().getPort() + "/v1";
  }

  private void answer(HttpExchange exchange) throws IOException {
    try (exchange) {
      JsonNode request = JSON.readTree(exchange.getRequestBody());
      String question = request.at("/messages/0/content").asText();
      String original =
          question
              .substring(question.lastIndexOf(ANSWER) + ANSWER.length())
              .replaceFirst("\nRewritten:$", "");
      ObjectNode body = JSON.createObjectNode();
      ObjectNode choice = body.putArray("choices").addObject();
      choice.put("finish_reason", "stop");
      choice
          .putObject("message")
          .put("role", "assistant")
          .put("content", rewrite(original, KeyedRandom.of(request.path("seed").asLong())));
      byte[] bytes = body.toString().getBytes(StandardCharsets.UTF_8);
      exchange.sendResponseHeaders(200, bytes.length);
      exchange.getResponseBody().write(bytes);
    }
  }

  /** Replaces one word, drawn among those that have others to stand in for them. */
  static String rewrite(String text, KeyedRandom key) {
    record Place(MatchResult match, List<String> others) {}
    List<Place> places = new ArrayList<>();
    for (List<String> words : WORDS) {
      Pattern.compile("\\b(?:" + String.join("|", words) + ")\\b")
          .matcher(text)
          .results()
          .forEach(
              match ->
                  places.add(
                      new Place(
                          match,
                          words.stream().filter(word -> !word.equals(match.group())).toList())));
    }
    if (places.isEmpty()) {
      return text.startsWith("Yes") ? "No" + text.substring(3) : text;
    }
    Place place = places.get(key.below(places.size(), 0));
    return text.substring(0, place.match.start())
        + place.others.get(key.below(place.others.size(), 1))
        + text.substring(place.match.end());
  }

  @Override
  public void close() {
    server.stop(0);
    threads.shutdownNow();
  }
}
