package io.github.pairloom.udfs.similarity;

import io.github.pairloom.udfs.Kept;
import io.github.pairloom.udfs.text.Sentences;
import java.util.List;

/**
 * The similarity of two responses: the cosine of their sentence embeddings, over the whole texts or
 * the most different sentence.
 *
 * <p>Over whole responses (arXiv 2407.02477, section 3.4) one changed word weighs the less the
 * longer the text is. {@link SimilaritySettings.Scope#SENTENCE} instead looks for each sentence of
 * either text for its nearest in the other, and returns the worst of these cosines.
 *
 * <p>Not thread-safe; closes its embedder.
 */
public final class Similarity implements AutoCloseable {
  /**
   * Embeddings kept, some megabytes: the chosen responses of all rows that are under way with their
   * sentences, and short answers that come again and again.
   */
  private static final int KEPT = 4096;

  private final SimilaritySettings settings;
  private final SentenceEmbedder embedder;
  private final Kept<String, float[]> kept = new Kept<>(KEPT);

  public Similarity(SimilaritySettings settings, SentenceEmbedder embedder) {
    this.settings = settings;
    this.embedder = embedder;
  }

  /** Returns the settings. */
  public SimilaritySettings settings() {
    return settings;
  }

  /** Returns the SHA-256 (hex) over the embedding model's files. */
  public String revision() {
    return embedder.revision();
  }

  /** Returns the similarity, -1 to 1; exactly 1 for equal texts. */
  public double of(String chosen, String rejected) {
    if (chosen.equals(rejected)) {
      return 1;
    }
    return switch (settings.scope()) {
      case RESPONSE -> cosine(chosen, rejected);
      case SENTENCE -> {
        List<String> left = sentences(chosen);
        List<String> right = sentences(rejected);
        yield Math.min(worstBest(left, right), worstBest(right, left));
      }
    };
  }

  private static List<String> sentences(String text) {
    List<String> sentences =
        Sentences.split(text).stream().map(String::strip).filter(s -> !s.isEmpty()).toList();
    return sentences.isEmpty() ? List.of(text) : sentences;
  }

  private double worstBest(List<String> texts, List<String> others) {
    return texts.stream()
        .mapToDouble(
            text -> others.stream().mapToDouble(other -> cosine(text, other)).max().orElse(-1))
        .min()
        .orElse(-1);
  }

  private double cosine(String a, String b) {
    if (a.equals(b)) {
      return 1;
    }
    float[] left = kept.get(a, embedder::embed);
    float[] right = kept.get(b, embedder::embed);
    double dot = 0;
    for (int i = 0; i < left.length; i++) {
      dot += (double) left[i] * right[i];
    }
    return dot;
  }

  @Override
  public void close() {
    embedder.close();
  }
}
