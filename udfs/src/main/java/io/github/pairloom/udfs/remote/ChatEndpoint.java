package io.github.pairloom.udfs.remote;

import static io.github.pairloom.schemas.Check.check;

import io.github.pairloom.udfs.Setting;
import java.io.Serializable;
import java.net.URI;
import java.net.URISyntaxException;

/**
 * A language model behind OpenAI-compatible HTTP, as vLLM, SGLang and llama.cpp serve it.
 *
 * @param url of the API, up to and with {@code /v1}
 * @param model name of the model there
 * @param temperature how wildly it writes
 * @param maxTokens most tokens of one answer
 * @param apiKeyVariable environment variable, on executors, with the API key
 * @param timeoutSeconds longest wait for one answer
 * @param retries further tries after a failure that may pass
 * @param concurrency most requests under way per executor
 * @param readPrice of a million tokens of questions, in a currency that all endpoints share
 * @param writtenPrice of a million tokens of answers
 */
public record ChatEndpoint(
    @Setting("Address of the OpenAI-compatible API, such as http://host:8000/v1") String url,
    @Setting("Name of the model there") String model,
    @Setting(
            value = "0: the most likely text; above 0: draws, wilder as it grows",
            defaults = "0.7")
        double temperature,
    @Setting(value = "Most tokens of one answer, at least 1", defaults = "1024") int maxTokens,
    @Setting(
            value =
                "Environment variable, in capitals, set on the executors, that holds the API key;"
                    + " empty: none is sent",
            defaults = "",
            shapes = false)
        String apiKeyVariable,
    @Setting(
            value = "Longest wait for one answer, in seconds, at least 1",
            defaults = "120",
            shapes = false)
        int timeoutSeconds,
    @Setting(
            value =
                "Further tries after a failure that may pass (no connection, 408, 429, 500, 502,"
                    + " 503, 504), each after twice the pause of the one before",
            defaults = "4",
            shapes = false)
        int retries,
    @Setting(
            value = "Most requests under way per executor, at least 1",
            defaults = "8",
            shapes = false)
        int concurrency,
    @Setting(
            value =
                "Price of a million tokens of questions, in a currency that all endpoints share, by"
                    + " which steps count remote-cost and plan tells it; 0: free",
            defaults = "0.0",
            shapes = false)
        double readPrice,
    @Setting(
            value = "Price of a million tokens of answers, likewise; 0: free",
            defaults = "0.0",
            shapes = false)
        double writtenPrice)
    implements Serializable {
  public ChatEndpoint {
    check(
        isHttp(url),
        "Invalid url: '%s' (must be like http://host:8000/v1, without user or key)",
        withoutUser(url));
    check(model != null && !model.isBlank(), "Invalid model: blank (must name a model)");
    check(
        temperature >= 0 && temperature <= 2,
        "Invalid temperature: %s (must be in [0, 2])",
        temperature);
    check(maxTokens >= 1, "Invalid max-tokens: %s (must be at least 1)", maxTokens);
    check(
        apiKeyVariable.matches("([A-Z_][A-Z0-9_]*)?"),
        // Not with the value: it may be a key.
        "Invalid api-key-variable (must be the variable's name, not the key: upper case, digits, _)");
    check(timeoutSeconds >= 1, "Invalid timeout-seconds: %s (must be at least 1)", timeoutSeconds);
    check(retries >= 0, "Invalid retries: %s (must be at least 0)", retries);
    check(concurrency >= 1, "Invalid concurrency: %s (must be at least 1)", concurrency);
    check(readPrice >= 0, "Invalid read-price: %s (must be at least 0)", readPrice);
    check(writtenPrice >= 0, "Invalid written-price: %s (must be at least 0)", writtenPrice);
  }

  private static boolean isHttp(String url) {
    try {
      URI uri = new URI(String.valueOf(url));
      // What stands in the address stands in every row that it made.
      return uri.getHost() != null
          && uri.getUserInfo() == null
          && uri.getQuery() == null
          && String.valueOf(uri.getScheme()).matches("https?");
    } catch (URISyntaxException e) {
      return false;
    }
  }

  private static String withoutUser(String url) {
    return String.valueOf(url).replaceAll("//.*@|\\?.*", "//...");
  }

  /** Returns what so many tokens cost, in billionths of the currency. */
  public long nanoCost(long tokensRead, long tokensWritten) {
    // A price is for a million tokens: so many of it are millionths.
    return Math.round(1e3 * (readPrice * tokensRead + writtenPrice * tokensWritten));
  }

  /** Returns the seconds that it may take until a question has failed, pauses aside. */
  public long longestSeconds() {
    return timeoutSeconds * (retries + 1L);
  }

  /** Returns where a request goes. */
  URI completions() {
    return URI.create(url.replaceFirst("/+$", "") + "/chat/completions");
  }
}
