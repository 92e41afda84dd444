package io.github.pairloom.udfs.remote;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.github.pairloom.schemas.ContentId;
import io.github.pairloom.udfs.vlm.ExecutorModels;
import io.github.pairloom.udfs.vlm.ModelMetrics;
import io.github.pairloom.udfs.vlm.ModelMetrics.Figure;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Executor;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;

/**
 * Asks a {@link ChatEndpoint}. One per endpoint and JVM, so that its bound on requests under way
 * holds for all tasks of an executor. Safe for several threads.
 */
public final class ChatClient {
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final Map<ChatEndpoint, ChatClient> CLIENTS = new ConcurrentHashMap<>();
  private static final Set<Integer> PASSING = Set.of(408, 429, 500, 502, 503, 504);
  private static final Duration FIRST_PAUSE = Duration.ofMillis(250);
  private static final int QUOTED = 200;

  /** Of an answer; one of 100,000 tokens is a twentieth of it. */
  private static final long MOST_BYTES = 8 << 20;

  /** Raised when the same bytes sent would be taken for another question. */
  private static final int KEY_RULES = 1;

  /** Reads and writes kept answers: a task's thread has rows to go on with. */
  private static final Executor FILES =
      Executors.newCachedThreadPool(
          task -> {
            Thread thread = new Thread(task, "pairloom-answers");
            thread.setDaemon(true);
            return thread;
          });

  private final ChatEndpoint endpoint;
  private final HttpClient http;
  private final Deque<Runnable> waiting = new ArrayDeque<>();

  /** Questions under way, by cache and key: who asks the same meanwhile waits for one answer. */
  private final Map<String, CompletableFuture<Answer>> asked = new ConcurrentHashMap<>();

  /** Who waits for answers, and for how many. */
  private final Map<Runnable, Integer> askers = new ConcurrentHashMap<>();

  private int underWay;

  private ChatClient(ChatEndpoint endpoint) {
    this.endpoint = endpoint;
    this.http =
        HttpClient.newBuilder()
            // Servers of language models speak HTTP/1.1; some stumble over an offer of more.
            .version(HttpClient.Version.HTTP_1_1)
            .connectTimeout(Duration.ofSeconds(Math.min(20, endpoint.timeoutSeconds())))
            .build();
  }

  /**
   * What a model answered.
   *
   * @param text the answer
   * @param cutOff whether the token limit ended it
   * @param tokensRead tokens of the question, as the server counts them; 0 if it does not
   * @param tokensWritten tokens of the answer, likewise
   */
  public record Answer(String text, boolean cutOff, long tokensRead, long tokensWritten) {}

  /** Returns this JVM's client of {@code endpoint}. */
  public static ChatClient of(ChatEndpoint endpoint) {
    return CLIENTS.computeIfAbsent(endpoint, ChatClient::new);
  }

  /**
   * Asks a question of one turn, unless its answer is kept.
   *
   * @param seed for servers that heed one; the same question with the same seed should then get the
   *     same answer
   * @param cache where answers are kept, and whether their tokens must be told
   * @param goesOn run at each answer of the endpoint, to whomever, until this one is there: in a
   *     queue that moves nothing hangs. By any thread
   * @return fails with {@link EndpointException}
   */
  public CompletableFuture<Answer> ask(
      String question, long seed, ResponseCache cache, Runnable goesOn) {
    CompletableFuture<Answer> answer = ask(question, seed, cache);
    askers.merge(goesOn, 1, Integer::sum);
    return answer.whenComplete(
        (found, failure) -> {
          if (failure == null) {
            askers.keySet().forEach(Runnable::run);
          }
          askers.computeIfPresent(goesOn, (asker, open) -> open == 1 ? null : open - 1);
        });
  }

  private CompletableFuture<Answer> ask(String question, long seed, ResponseCache cache) {
    String body = body(question, seed);
    HttpRequest request = request(body);
    if (cache.folder().isEmpty()) {
      return whenThereIsRoom(() -> send(request, cache.isCapped(), 0));
    }
    String key =
        new ContentId().add(KEY_RULES).add(endpoint.completions().toString()).add(body).toHex();
    String id = cache.folder() + " " + key;
    CompletableFuture<Answer> answer = new CompletableFuture<>();
    CompletableFuture<Answer> sameQuestion = asked.putIfAbsent(id, answer);
    if (sameQuestion != null) {
      ExecutorModels.metrics().add(Figure.REMOTE_ANSWERS_KEPT, 1);
      return sameQuestion.copy();
    }
    CompletableFuture<Answer> unused =
        whenThereIsRoom(() -> findOrSend(request, key, cache))
            .whenComplete(
                (found, failure) -> {
                  asked.remove(id);
                  if (failure == null) {
                    answer.complete(found);
                  } else {
                    answer.completeExceptionally(failure);
                  }
                });
    return answer.copy();
  }

  private CompletableFuture<Answer> findOrSend(
      HttpRequest request, String key, ResponseCache cache) {
    return CompletableFuture.supplyAsync(() -> cache.find(key), FILES)
        .thenCompose(
            kept -> {
              if (kept.isPresent()) {
                ExecutorModels.metrics().add(Figure.REMOTE_ANSWERS_KEPT, 1);
                return CompletableFuture.completedFuture(kept.get());
              }
              return send(request, cache.isCapped(), 0)
                  .thenApplyAsync(
                      answer -> {
                        try {
                          cache.keep(key, answer);
                        } catch (EndpointException e) {
                          // It is paid for, and here. Only whoever asks again pays again.
                          System.err.println("pairloom: " + e.getMessage());
                        }
                        return answer;
                      },
                      FILES);
            });
  }

  private String body(String question, long seed) {
    ObjectNode body = JSON.createObjectNode();
    body.put("model", endpoint.model());
    body.putArray("messages").addObject().put("role", "user").put("content", question);
    body.put("temperature", endpoint.temperature());
    body.put("max_tokens", endpoint.maxTokens());
    // Some servers take 32 bits.
    body.put("seed", seed & Integer.MAX_VALUE);
    return body.toString();
  }

  private HttpRequest request(String body) {
    HttpRequest.Builder request =
        HttpRequest.newBuilder(endpoint.completions())
            .header("Content-Type", "application/json")
            .POST(HttpRequest.BodyPublishers.ofString(body));
    if (!endpoint.apiKeyVariable().isEmpty()) {
      String key = System.getenv(endpoint.apiKeyVariable());
      if (key == null) {
        throw new EndpointException(
            "Cannot ask %s: the environment variable %s is not set on this executor. Set it (spark.executorEnv.%s), or leave api-key-variable empty"
                .formatted(endpoint.url(), endpoint.apiKeyVariable(), endpoint.apiKeyVariable()));
      }
      // Files that keys come from end with a line break.
      String stripped = key.strip();
      if (!stripped.matches("[!-~]+")) {
        // Java's own message would have the key in it.
        throw new EndpointException(
            "Cannot ask %s: the environment variable %s is empty, or holds what no key has (blanks, line breaks, other than ASCII)"
                .formatted(endpoint.url(), endpoint.apiKeyVariable()));
      }
      request.header("Authorization", "Bearer " + stripped);
    }
    return request.build();
  }

  /** What came of a request: one of the two is null. */
  private record Outcome(HttpResponse<String> response, Throwable failure) {}

  private CompletableFuture<Answer> send(HttpRequest request, boolean capped, int tries) {
    ExecutorModels.metrics().add(Figure.REMOTE_CALLS, 1);
    CompletableFuture<HttpResponse<String>> exchange =
        http.sendAsync(request, info -> new BoundedText(MOST_BYTES));
    return exchange
        .copy()
        // The request's own timeout ends with the headers; a body may take for ever.
        .orTimeout(endpoint.timeoutSeconds(), TimeUnit.SECONDS)
        .whenComplete((response, failure) -> exchange.cancel(true))
        .handle(Outcome::new)
        .thenCompose(outcome -> next(request, outcome, capped, tries));
  }

  private CompletableFuture<Answer> next(
      HttpRequest request, Outcome outcome, boolean capped, int tries) {
    boolean failed = outcome.failure != null;
    if (tries < endpoint.retries() && (failed || PASSING.contains(outcome.response.statusCode()))) {
      long pause = FIRST_PAUSE.toMillis() << Math.min(tries, 10);
      return CompletableFuture.runAsync(
              () -> {}, CompletableFuture.delayedExecutor(pause, TimeUnit.MILLISECONDS))
          .thenCompose(ignored -> send(request, capped, tries + 1));
    }
    return failed
        ? CompletableFuture.failedFuture(unreachable(outcome.failure, tries))
        : CompletableFuture.completedFuture(answer(outcome.response, capped));
  }

  private EndpointException unreachable(Throwable failure, int tries) {
    Throwable cause = failure instanceof CompletionException ? failure.getCause() : failure;
    return new EndpointException(
        "No answer from %s after %d tries: %s. Is the server up, and reachable from this executor?"
            .formatted(endpoint.url(), tries + 1, cause),
        cause);
  }

  private Answer answer(HttpResponse<String> response, boolean capped) {
    if (response.statusCode() != 200) {
      throw new EndpointException(
          "%s answered with status %d: %s"
              .formatted(endpoint.url(), response.statusCode(), start(response.body())));
    }
    try {
      JsonNode json = JSON.readTree(response.body());
      // Paid for, whatever is made of it: of models that think aloud all tokens may be thoughts.
      JsonNode usage = json.path("usage");
      if (capped && !usage.hasNonNull("prompt_tokens") && !usage.hasNonNull("completion_tokens")) {
        throw new EndpointException(
            "%s reports no usage (prompt_tokens, completion_tokens), so remote.max-tokens and remote.max-cost cannot hold: %s. Have the server report it, or set neither"
                .formatted(endpoint.url(), start(response.body())));
      }
      long read = usage.path("prompt_tokens").asLong();
      long written = usage.path("completion_tokens").asLong();
      ModelMetrics metrics = ExecutorModels.metrics();
      metrics.add(Figure.REMOTE_TOKENS_READ, read);
      metrics.add(Figure.REMOTE_TOKENS_WRITTEN, written);
      metrics.add(Figure.REMOTE_NANO_COST, endpoint.nanoCost(read, written));
      JsonNode choice = json.path("choices").path(0);
      JsonNode content = choice.path("message").path("content");
      if (!content.isTextual()) {
        throw new EndpointException(
            "%s gave no choices[0].message.content: %s"
                .formatted(endpoint.url(), start(response.body())));
      }
      return new Answer(
          whole(content.textValue()),
          choice.path("finish_reason").asText().equals("length"),
          read,
          written);
    } catch (JsonProcessingException e) {
      throw new EndpointException(
          "%s gave no JSON: %s".formatted(endpoint.url(), start(response.body())), e);
    }
  }

  /** Half of a surrogate pair, which JSON can spell, is no text that anyone could write down. */
  private static String whole(String text) {
    return text.codePoints()
        .map(c -> c >= Character.MIN_SURROGATE && c <= Character.MAX_SURROGATE ? 0xFFFD : c)
        .collect(StringBuilder::new, StringBuilder::appendCodePoint, StringBuilder::append)
        .toString();
  }

  private static String start(String body) {
    return body.length() <= QUOTED ? body : body.substring(0, QUOTED) + " ...";
  }

  private CompletableFuture<Answer> whenThereIsRoom(Supplier<CompletableFuture<Answer>> work) {
    CompletableFuture<Answer> result = new CompletableFuture<>();
    enter(() -> begin(work, result));
    return result;
  }

  private void begin(Supplier<CompletableFuture<Answer>> work, CompletableFuture<Answer> result) {
    CompletableFuture<Answer> unused =
        work.get()
            .whenComplete(
                (answer, failure) -> {
                  leave();
                  if (failure == null) {
                    result.complete(answer);
                  } else {
                    result.completeExceptionally(
                        failure instanceof CompletionException ? failure.getCause() : failure);
                  }
                });
  }

  private void enter(Runnable begin) {
    synchronized (waiting) {
      if (underWay >= endpoint.concurrency()) {
        waiting.add(begin);
        return;
      }
      underWay++;
    }
    begin.run();
  }

  private void leave() {
    Runnable next;
    synchronized (waiting) {
      next = waiting.poll();
      if (next == null) {
        underWay--;
        return;
      }
    }
    next.run();
  }
}
