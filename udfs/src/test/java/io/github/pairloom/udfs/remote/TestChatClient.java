package io.github.pairloom.udfs.remote;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import io.github.pairloom.udfs.remote.ChatClient.Answer;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class TestChatClient {
  @Test
  void theQuestionGoesOutAndTheAnswerComesBack() {
    try (ChatServer server = new ChatServer(question -> "You said: " + question)) {
      Answer answer = ChatClient.of(server.endpoint()).ask("H\u00E4?\n\"", -1).join();
      assertEquals(new Answer("You said: H\u00E4?\n\"", false, 42), answer);
      JsonNode request = server.requests.element();
      assertEquals("echo", request.get("model").asText());
      assertEquals(200, request.get("max_tokens").asInt());
      assertEquals(0.7, request.get("temperature").asDouble());
      assertEquals(Integer.MAX_VALUE, request.get("seed").asInt());
      assertEquals("user", request.at("/messages/0/role").asText());
    }
  }

  @Test
  void anAnswerThatTheTokenLimitEndedIsToldApart() {
    try (ChatServer server = new ChatServer(question -> "and so on...")) {
      assertTrue(ChatClient.of(server.endpoint()).ask("?", 1).join().cutOff());
    }
  }

  @Test
  void failuresThatMayPassAreTriedAgain() {
    try (ChatServer server = new ChatServer(question -> "ok")) {
      server.failures.addAll(List.of(503, 429));
      assertEquals("ok", ChatClient.of(server.endpoint()).ask("?", 1).join().text());
      assertEquals(3, server.requests.size());
    }
  }

  @Test
  void otherFailuresAreNotAndSayWhatWasAnswered() {
    try (ChatServer server = new ChatServer(question -> "ok")) {
      server.failures.add(404);
      String message = failure(server.endpoint());
      assertTrue(message.contains("status 404: busy"), message);
      assertEquals(1, server.requests.size());
      server.failures.addAll(List.of(500, 500, 500));
      assertTrue(failure(server.endpoint()).contains("status 500"));
    }
  }

  @Test
  void aServerThatIsNotThereIsNamed() {
    ChatEndpoint nowhere = new ChatEndpoint("http://127.0.0.1:9/v1", "echo", 0, 10, "", 1, 1, 1);
    String message = failure(nowhere);
    assertTrue(message.startsWith("No answer from http://127.0.0.1:9/v1 after 2 tries"), message);
  }

  @Test
  void aKeyThatIsNotSetIsNamed() {
    ChatEndpoint keyed =
        new ChatEndpoint("http://127.0.0.1:9/v1", "echo", 0, 10, "NO_SUCH_KEY_IS_SET", 1, 0, 1);
    assertTrue(
        assertThrows(EndpointException.class, () -> ChatClient.of(keyed).ask("?", 1).join())
            .getMessage()
            .contains("NO_SUCH_KEY_IS_SET"));
  }

  @Test
  void noMoreRequestsAreUnderWayThanAllowed() {
    try (ChatServer server = new ChatServer(question -> pause(question))) {
      ChatClient client = ChatClient.of(server.endpoint());
      List<CompletableFuture<Answer>> answers =
          IntStream.range(0, 12).mapToObj(i -> client.ask("q" + i, i)).toList();
      for (int i = 0; i < answers.size(); i++) {
        assertEquals("q" + i, answers.get(i).join().text());
      }
      assertEquals(2, server.most.get());
    }
  }

  @Test
  void settingsThatCannotWorkAreRefused() {
    for (String url : List.of("", "host:8000", "ftp://host/v1", "http://")) {
      assertThrows(
          IllegalArgumentException.class, () -> new ChatEndpoint(url, "m", 0, 1, "", 1, 0, 1), url);
    }
  }

  private static String pause(String question) {
    try {
      Thread.sleep(10);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
    return question;
  }

  private static String failure(ChatEndpoint endpoint) {
    CompletionException e =
        assertThrows(CompletionException.class, () -> ChatClient.of(endpoint).ask("?", 1).join());
    assertTrue(e.getCause() instanceof EndpointException, e.toString());
    return e.getCause().getMessage();
  }
}
