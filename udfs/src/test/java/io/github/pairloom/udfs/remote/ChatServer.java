package io.github.pairloom.udfs.remote;

import com.fasterxml.jackson.core.json.JsonWriteFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Function;

/** An OpenAI-compatible server on this machine whose model is a function of the question. */
public final class ChatServer implements AutoCloseable {
  private static final ObjectMapper JSON = new ObjectMapper();

  private final HttpServer server;
  private final ExecutorService threads = Executors.newFixedThreadPool(8);
  private final Function<String, String> model;

  /** As an answer: none, as of a model that has used up its tokens for thoughts. */
  public static final String NO_TEXT = "no text";

  /** As an answer: its tokens are not told. */
  public static final String NO_USAGE = "no usage";

  /** Requests as they came in. */
  public final Queue<JsonNode> requests = new ConcurrentLinkedQueue<>();

  /** Status codes to answer the next requests with, before any is answered. */
  public final Queue<Integer> failures = new ConcurrentLinkedQueue<>();

  /** How many of the next answers break off in their midst, their connections left open. */
  public final AtomicInteger stalls = new AtomicInteger();

  /** Most requests that were under way at once. */
  public final AtomicInteger most = new AtomicInteger();

  private final AtomicInteger underWay = new AtomicInteger();

  public ChatServer(Function<String, String> model) {
    this.model = model;
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
  public String url() {
    return "http://127.0.0.1:" + server.getAddress().getPort() + "/v1";
  }

  /** Returns the endpoint, with at most two requests under way and two retries. */
  public ChatEndpoint endpoint() {
    return new ChatEndpoint(url(), "echo", 0.7, 200, "", 10, 2, 2, 0, 0);
  }

  private void answer(HttpExchange exchange) throws IOException {
    if (stalls.getAndUpdate(left -> Math.max(0, left - 1)) > 0) {
      exchange.sendResponseHeaders(200, 100);
      exchange.getResponseBody().write('{');
      exchange.getResponseBody().flush();
      return;
    }
    try (exchange) {
      JsonNode request = JSON.readTree(exchange.getRequestBody());
      requests.add(request);
      Integer failure = failures.poll();
      String question = request.path("messages").path(0).path("content").asText();
      byte[] body = (failure == null ? counted(question) : "busy").getBytes(StandardCharsets.UTF_8);
      exchange.sendResponseHeaders(failure == null ? 200 : failure, body.length);
      exchange.getResponseBody().write(body);
    }
  }

  /** Counts until there is an answer: once it is sent, the client may ask again at any moment. */
  private String counted(String question) throws IOException {
    most.accumulateAndGet(underWay.incrementAndGet(), Math::max);
    try {
      return completion(question);
    } finally {
      underWay.decrementAndGet();
    }
  }

  private String completion(String question) throws IOException {
    String text = model.apply(question);
    ObjectNode body = JSON.createObjectNode();
    ObjectNode choice = body.putArray("choices").addObject();
    choice.put("finish_reason", text.endsWith("...") ? "length" : "stop");
    choice
        .putObject("message")
        .put("role", "assistant")
        .put("content", text.equals(NO_TEXT) ? null : text);
    if (!text.equals(NO_USAGE)) {
      body.putObject("usage").put("prompt_tokens", 40).put("completion_tokens", 2);
    }
    // UTF-8 has no halves of surrogate pairs, escapes do.
    return JSON.writer().with(JsonWriteFeature.ESCAPE_NON_ASCII).writeValueAsString(body);
  }

  @Override
  public void close() {
    server.stop(0);
    threads.shutdownNow();
  }
}
