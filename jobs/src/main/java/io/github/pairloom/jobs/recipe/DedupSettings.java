package io.github.pairloom.jobs.recipe;

import static io.github.pairloom.schemas.Check.check;

import io.github.pairloom.udfs.Setting;
import io.github.pairloom.udfs.dedup.ImageDedup;
import io.github.pairloom.udfs.dedup.TextDedup;
import java.util.HashSet;
import java.util.List;

/**
 * Which images and pairs are duplicates.
 *
 * @param images when two images are alike
 * @param text when the texts of two pairs are alike
 * @param semantic when they mean the same
 * @param evaluations sets that pairs must have nothing in common with
 */
public record DedupSettings(
    @Setting("When two images are alike") ImageDedup images,
    @Setting("When the texts of two pairs are alike") TextDedup text,
    @Setting("When the texts of two pairs mean the same") SemanticDedup semantic,
    @Setting(
            value =
                "Evaluation sets that pairs must have nothing in common with, such as {name: pope,"
                    + " images: DIR}",
            defaults = "[]")
        List<EvaluationSet> evaluations) {
  public DedupSettings {
    evaluations = List.copyOf(evaluations);
    check(
        new HashSet<>(evaluations.stream().map(EvaluationSet::name).toList()).size()
            == evaluations.size(),
        "Invalid evaluations: two have the same name");
  }
}
