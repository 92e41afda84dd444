package io.github.pairloom.jobs.select;

import static org.apache.spark.sql.functions.col;
import static org.apache.spark.sql.functions.lit;
import static org.apache.spark.sql.functions.udf;

import io.github.pairloom.jobs.embedding.VectorClusters;
import io.github.pairloom.jobs.recipe.DiversitySettings;
import org.apache.spark.ml.classification.LogisticRegression;
import org.apache.spark.ml.clustering.KMeansModel;
import org.apache.spark.ml.linalg.Vector;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.api.java.UDF1;
import org.apache.spark.sql.types.DataTypes;

/**
 * How hard it is to say of which domain a text is, as a reward for diversity (DaaR, arXiv
 * 2502.04380, section 4): k-means gives pseudo-labels to a sample of embeddings, a probe learns
 * them, and the entropy of its softmax, H = -sum p_i ln p_i, is the score; those of the highest
 * scores are kept. Here H is divided by ln k.
 *
 * <p>What differs from the paper: there the embeddings are a language model's, k-means starts at
 * the means of texts that this model wrote for four named domains, the probe is a perceptron upon
 * the model's first three layers, and a second such probe learns to predict the entropy. Here the
 * embeddings are a sentence model's and fixed, k-means starts where its seed says (k-means||), the
 * probe is a softmax regression with an L2 penalty, and its entropy is taken as it is: with fixed
 * embeddings it costs no more than a prediction of it would.
 */
final class Diversity {
  /** Strong enough that the probe is unsure between clusters: the labels alone can be separated. */
  private static final double PENALTY = 0.01;

  private static final int ITERATIONS = 100;
  private static final double TOLERANCE = 1e-4;
  private static final String PROBABILITY = "probability";

  private Diversity() {}

  /**
   * Returns columns {@code content_id} and {@code diversity}, in [0, 1]; 0 everywhere if all texts
   * are in one cluster.
   *
   * @param known columns {@code content_id} and {@code vector} that the probe may learn from
   * @param wanted the same, of the texts that are to be scored, each once
   */
  static Dataset<Row> of(
      Dataset<Row> known, Dataset<Row> wanted, DiversitySettings settings, long seed) {
    Dataset<Row> sample = VectorClusters.sample(known, settings.sample(), seed);
    if (sample.isEmpty()) {
      return wanted.select(col("content_id"), lit(0.0).as("diversity")).limit(0);
    }
    KMeansModel domains = VectorClusters.fit(sample, settings.domains(), seed);
    int found = domains.clusterCenters().length;
    if (found < 2) {
      return wanted.select(col("content_id"), lit(0.0).as("diversity"));
    }
    Column entropy =
        udf((UDF1<Vector, Double>) p -> entropy(p.toArray()), DataTypes.DoubleType)
            .apply(col(PROBABILITY));
    return new LogisticRegression()
        .setFamily("multinomial")
        .setFeaturesCol(VectorClusters.FEATURES)
        .setLabelCol(domains.getPredictionCol())
        .setProbabilityCol(PROBABILITY)
        // Lengths mean nothing: each embedding is of length 1.
        .setStandardization(false)
        .setRegParam(PENALTY)
        .setMaxIter(ITERATIONS)
        .setTol(TOLERANCE)
        .fit(domains.transform(sample))
        .transform(VectorClusters.withFeatures(wanted))
        .select(col("content_id"), entropy.as("diversity"));
  }

  /** Returns the entropy of a distribution as a share of the largest that there is. */
  static double entropy(double[] probabilities) {
    if (probabilities.length < 2) {
      return 0;
    }
    double sum = 0;
    for (double p : probabilities) {
      // The limit of p ln p at 0 is 0.
      sum -= p > 0 ? p * Math.log(p) : 0;
    }
    return Math.max(0, Math.min(1, sum / Math.log(probabilities.length)));
  }
}
