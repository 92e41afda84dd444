package io.github.pairloom.udfs.remote;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import io.github.pairloom.schemas.ContentId;
import io.github.pairloom.udfs.remote.ChatClient.Answer;
import io.github.pairloom.udfs.vlm.ExecutorModels;
import io.github.pairloom.udfs.vlm.ModelMetrics;
import io.github.pairloom.udfs.vlm.ModelMetrics.Figure;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.BrokenBarrierException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.apache.commons.io.FileUtils;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FSDataInputStream;
import org.apache.hadoop.fs.LocalFileSystem;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class TestChatClient {
  @TempDir Path folder;

  @Test
  void theQuestionGoesOutAndTheAnswerComesBack() {
    try (ChatServer server = new ChatServer(question -> "You said: " + question)) {
      Answer answer = ask(server, "H\u00E4?\n\"", -1).join();
      assertEquals(new Answer("You said: H\u00E4?\n\"", false, 40, 2), answer);
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
      assertTrue(ask(server, "?", 1).join().cutOff());
    }
  }

  @Test
  void failuresThatMayPassAreTriedAgain() {
    try (ChatServer server = new ChatServer(question -> "ok")) {
      server.failures.addAll(List.of(503, 429));
      assertEquals("ok", ask(server, "?", 1).join().text());
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
  void anAnswerThatBreaksOffIsAskedForAgainAndItsPlaceIsFree() {
    try (ChatServer server = new ChatServer(question -> "ok")) {
      server.stalls.set(2);
      ChatClient client =
          ChatClient.of(new ChatEndpoint(server.url(), "echo", 0, 10, "", 1, 1, 1, 0, 0));
      EndpointException e =
          (EndpointException)
              assertThrows(
                      CompletionException.class,
                      () -> client.ask("?", 1, ResponseCache.none(), () -> {}).join())
                  .getCause();
      assertTrue(e.getMessage().contains("after 2 tries"), e.getMessage());
      server.stalls.set(1);
      assertEquals("ok", client.ask("?", 1, ResponseCache.none(), () -> {}).join().text());
    }
  }

  @Test
  void whoWaitsBehindOthersIsToldOfTheirAnswers() {
    CompletableFuture<String> allAsked = new CompletableFuture<>();
    try (ChatServer server = new ChatServer(question -> question + allAsked.join())) {
      ChatClient client =
          ChatClient.of(new ChatEndpoint(server.url(), "echo", 0, 10, "", 9, 0, 1, 0, 0));
      AtomicInteger told = new AtomicInteger();
      List<CompletableFuture<Answer>> others =
          IntStream.range(0, 9)
              .mapToObj(i -> client.ask("q" + i, i, ResponseCache.none(), () -> {}))
              .toList();
      CompletableFuture<Answer> last =
          client.ask("last", 1, ResponseCache.none(), told::incrementAndGet);
      allAsked.complete("");
      others.forEach(CompletableFuture::join);
      last.join();
      assertEquals(10, told.get(), "of its own answer too");
      client.ask("another", 1, ResponseCache.none(), () -> {}).join();
      server.failures.add(404);
      assertThrows(
          CompletionException.class,
          () -> client.ask("failing", 1, ResponseCache.none(), told::incrementAndGet).join());
      assertEquals(10, told.get(), "of what it does not wait for, or what failed");
    }
  }

  @Test
  void anAnswerWithoutEndIsNotTakenWhole() {
    try (ChatServer server = new ChatServer(question -> "x".repeat(9 << 20))) {
      String message = failure(new ChatEndpoint(server.url(), "echo", 0, 10, "", 10, 0, 1, 0, 0));
      assertTrue(message.contains("longer than 8388608 bytes"), message);
    }
  }

  @Test
  void underACapAnAnswerWhoseTokensAreNotToldFailsAndIsNotAskedForAgain() {
    try (ChatServer server = new ChatServer(question -> ChatServer.NO_USAGE)) {
      ask(server, "?", 1, ResponseCache.none());
      String message =
          assertThrows(
                  CompletionException.class,
                  () -> ask(server, "?", 1, ResponseCache.none().capped()))
              .getMessage();
      assertTrue(message.contains(server.url() + " reports no usage"), message);
      assertEquals(2, server.requests.size());
    }
  }

  @Test
  void halfOfASurrogatePairIsReplaced() {
    try (ChatServer server = new ChatServer(question -> "\uD83D\uDE00 cut \uD83D...")) {
      assertEquals("\uD83D\uDE00 cut \uFFFD...", ask(server, "?", 1).join().text());
    }
  }

  @Test
  void aServerThatIsNotThereIsNamed() {
    ChatEndpoint nowhere =
        new ChatEndpoint("http://127.0.0.1:9/v1", "echo", 0, 10, "", 1, 1, 1, 0, 0);
    String message = failure(nowhere);
    assertTrue(message.startsWith("No answer from http://127.0.0.1:9/v1 after 2 tries"), message);
  }

  @Test
  void aKeyThatIsNotSetIsNamed() {
    ChatEndpoint keyed =
        new ChatEndpoint(
            "http://127.0.0.1:9/v1", "echo", 0, 10, "NO_SUCH_KEY_IS_SET", 1, 0, 1, 0, 0);
    assertTrue(
        assertThrows(EndpointException.class, () -> ask(keyed, "?", 1).join())
            .getMessage()
            .contains("NO_SUCH_KEY_IS_SET"));
  }

  @Test
  void aKeyInThePlaceOfItsVariablesNameIsRefusedAndNotRepeated() {
    for (String key : List.of("sk-proj-abc", "hf_aBcDeF", "gsk_0123")) {
      IllegalArgumentException e =
          assertThrows(
              IllegalArgumentException.class,
              () -> new ChatEndpoint("http://127.0.0.1:9/v1", "echo", 0, 10, key, 1, 0, 1, 0, 0));
      assertTrue(e.getMessage().startsWith("Invalid api-key-variable"), e.getMessage());
      assertFalse(e.getMessage().contains(key), e.getMessage());
    }
  }

  @Test
  void noMoreRequestsAreUnderWayThanAllowed() {
    CyclicBarrier two = new CyclicBarrier(2);
    try (ChatServer server = new ChatServer(question -> met(two, question))) {
      ChatClient client = ChatClient.of(server.endpoint());
      List<CompletableFuture<Answer>> answers =
          IntStream.range(0, 12)
              .mapToObj(i -> client.ask("q" + i, i, ResponseCache.none(), () -> {}))
              .toList();
      for (int i = 0; i < answers.size(); i++) {
        assertEquals("q" + i, answers.get(i).join().text());
      }
      assertEquals(2, server.most.get());
    }
  }

  @Test
  void anAnswerThatIsKeptIsNotAskedForAgain() throws IOException {
    try (ChatServer server = new ChatServer(question -> "You said: " + question)) {
      Answer asked = ask(server, "\u00FC", 1, cache());
      assertEquals(asked, ask(server, "\u00FC", 1, cache()));
      assertEquals(1, server.requests.size());

      ask(server, "\u00FC", 2, cache());
      ask(server, "u", 1, cache());
      ChatEndpoint wilder = new ChatEndpoint(server.url(), "echo", 0.8, 200, "", 10, 2, 2, 0, 0);
      ChatClient.of(wilder).ask("\u00FC", 1, cache(), () -> {}).join();
      assertEquals(4, server.requests.size(), "another seed, question, or setting: another answer");
      assertEquals(4, kept().size());

      ChatEndpoint inOtherWays =
          new ChatEndpoint(server.url(), "echo", 0.7, 200, "", 99, 0, 1, 0, 0);
      assertEquals(asked, ChatClient.of(inOtherWays).ask("\u00FC", 1, cache(), () -> {}).join());
      ask(server, "\u00FC", 1, ResponseCache.none());
      assertEquals(5, server.requests.size(), "without a cache it is");
    }
  }

  @Test
  void whoAsksTheSameMeanwhileWaitsForOneAnswer() {
    CompletableFuture<Void> allAsked = new CompletableFuture<>();
    try (ChatServer server = new ChatServer(q -> allAsked.thenApply(v -> q).join())) {
      ChatClient client = ChatClient.of(server.endpoint());
      List<CompletableFuture<Answer>> answers =
          IntStream.range(0, 12)
              .mapToObj(i -> client.ask("q" + i % 3, 1, cache(), () -> {}))
              .toList();
      allAsked.complete(null);
      for (int i = 0; i < answers.size(); i++) {
        assertEquals("q" + i % 3, answers.get(i).join().text());
      }
      assertEquals(3, server.requests.size());
    }
  }

  @Test
  void anAnswerThatFailedOrWasCutOffIsNotKept() throws IOException {
    try (ChatServer server = new ChatServer(question -> question)) {
      server.failures.add(404);
      assertThrows(CompletionException.class, () -> ask(server, "ok", 1, cache()));
      assertTrue(ask(server, "and so on...", 1, cache()).cutOff());
      assertEquals(List.of(), kept());
      assertEquals("ok", ask(server, "ok", 1, cache()).text());
      assertTrue(ask(server, "and so on...", 1, cache()).cutOff());
      assertEquals(4, server.requests.size());
      assertEquals(1, kept().size());
    }
  }

  @Test
  void aDamagedFileIsAskedForAgainAndMadeGood() throws IOException {
    try (ChatServer server = new ChatServer(question -> "fine")) {
      Answer fine = ask(server, "?", 1, cache());
      Path file = kept().get(0);
      String whole = Files.readString(file);
      Path checksum = file.resolveSibling("." + file.getFileName() + ".crc");
      List<String> damaged =
          List.of("", whole.substring(0, whole.length() - 3), whole.replace("fine", "mine"));
      for (int i = 0; i < damaged.size(); i++) {
        // Where a file system keeps checksums, it notices; the first is left for it to find.
        if (i > 0) {
          Files.deleteIfExists(checksum);
        }
        Files.writeString(file, damaged.get(i));
        assertEquals(fine, ask(server, "?", 1, cache()), damaged.get(i));
        assertEquals(i + 2, server.requests.size());
        assertEquals(whole, Files.readString(file));
      }
    }
  }

  /** Local files of which one is there as soon as it was looked for in vain. */
  static final class LateFiles extends LocalFileSystem {
    private static final Answer LATE = new Answer("late", false, 40, 2);

    @Override
    public FSDataInputStream open(org.apache.hadoop.fs.Path path, int bufferSize)
        throws IOException {
      try {
        return super.open(path, bufferSize);
      } catch (FileNotFoundException e) {
        String folder = path.getParent().getParent().toString();
        ResponseCache.in(new Configuration(), folder).keep(path.getName(), LATE);
        throw e;
      }
    }
  }

  @Test
  void anAnswerThatAnotherKeepsMeanwhileIsNotRemoved() {
    Configuration hadoop = new Configuration();
    hadoop.set("fs.file.impl", LateFiles.class.getName());
    hadoop.setBoolean("fs.file.impl.disable.cache", true);
    ResponseCache cache = ResponseCache.in(hadoop, folder.resolve("answers").toUri().toString());
    String key = ContentId.of("?");
    assertEquals(Optional.empty(), cache.find(key));
    assertEquals(Optional.of(LateFiles.LATE), cache.find(key));
  }

  @Test
  void aFolderThatCannotBeReadIsAnErrorAndNotPaidFor() {
    try (ChatServer server = new ChatServer(question -> "fine")) {
      ResponseCache cache =
          ResponseCache.in(new Configuration(), "no-such-scheme://" + folder.resolve("cache"));
      CompletionException e =
          assertThrows(CompletionException.class, () -> ask(server, "?", 1, cache));
      assertTrue(e.getMessage().contains("remote.cache: false"), e.getMessage());
      assertEquals(0, server.requests.size());
    }
  }

  @Test
  void aFolderWhereNothingCanBeKeptIsAnErrorAndNotPaidFor() throws IOException {
    try (ChatServer server = new ChatServer(question -> "fine")) {
      // A file in the place of the folder: root may write into any.
      Files.writeString(folder.resolve("taken"), "");
      ResponseCache cache =
          ResponseCache.in(new Configuration(), folder.resolve("taken").toUri().toString());
      CompletionException e =
          assertThrows(CompletionException.class, () -> ask(server, "?", 1, cache));
      assertTrue(e.getMessage().contains("remote.cache: false"), e.getMessage());
      assertEquals(0, server.requests.size());
    }
  }

  @Test
  void anAnswerThatIsPaidForAndCannotBeKeptIsGiven() {
    try (ChatServer server =
        new ChatServer(
            question -> {
              // Between the look and the answer the folder is lost.
              FileUtils.deleteQuietly(folder.resolve("answers").toFile());
              writeFile(folder.resolve("answers"));
              return "fine";
            })) {
      assertEquals("fine", ask(server, "?", 1, cache()).text());
    }
  }

  private static void writeFile(Path file) {
    try {
      Files.writeString(file, "");
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  @Test
  void whatAnAnswerWithoutTextCostIsCounted() {
    try (ChatServer server = new ChatServer(question -> ChatServer.NO_TEXT)) {
      ModelMetrics metrics = ExecutorModels.metrics();
      Map<Figure, Long> unused = metrics.drain();
      assertTrue(failure(server.endpoint()).contains("no choices[0].message.content"));
      Map<Figure, Long> counted = metrics.drain();
      assertEquals(40, counted.get(Figure.REMOTE_TOKENS_READ));
      assertEquals(2, counted.get(Figure.REMOTE_TOKENS_WRITTEN));
    }
  }

  @Test
  void settingsThatCannotWorkAreRefused() {
    for (String url :
        List.of(
            "",
            "host:8000",
            "ftp://host/v1",
            "http://",
            "http://u:hush@host/v1",
            "http://host/v1?key=hush")) {
      IllegalArgumentException e =
          assertThrows(
              IllegalArgumentException.class,
              () -> new ChatEndpoint(url, "m", 0, 1, "", 1, 0, 1, 0, 0),
              url);
      assertFalse(e.getMessage().contains("hush"), e.getMessage());
    }
  }

  private ResponseCache cache() {
    return ResponseCache.in(new Configuration(), folder.resolve("answers").toUri().toString());
  }

  private List<Path> kept() throws IOException {
    if (!Files.exists(folder.resolve("answers"))) {
      return List.of();
    }
    try (Stream<Path> files = Files.walk(folder.resolve("answers"))) {
      return files
          .filter(Files::isRegularFile)
          .filter(file -> !file.getFileName().toString().endsWith(".crc"))
          .toList();
    }
  }

  private static CompletableFuture<Answer> ask(ChatServer server, String question, long seed) {
    return ChatClient.of(server.endpoint()).ask(question, seed, ResponseCache.none(), () -> {});
  }

  private static Answer ask(ChatServer server, String question, long seed, ResponseCache cache) {
    return ChatClient.of(server.endpoint()).ask(question, seed, cache, () -> {}).join();
  }

  private static CompletableFuture<Answer> ask(ChatEndpoint endpoint, String question, long seed) {
    return ChatClient.of(endpoint).ask(question, seed, ResponseCache.none(), () -> {});
  }

  /** Returns the question once another one is under way, too. */
  private static String met(CyclicBarrier two, String question) {
    try {
      two.await(30, TimeUnit.SECONDS);
    } catch (InterruptedException | BrokenBarrierException | TimeoutException e) {
      throw new IllegalStateException(e);
    }
    return question;
  }

  private static String failure(ChatEndpoint endpoint) {
    CompletionException e =
        assertThrows(CompletionException.class, () -> ask(endpoint, "?", 1).join());
    assertTrue(e.getCause() instanceof EndpointException, e.toString());
    return e.getCause().getMessage();
  }
}
