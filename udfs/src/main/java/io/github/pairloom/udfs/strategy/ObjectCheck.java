package io.github.pairloom.udfs.strategy;

import static io.github.pairloom.schemas.Check.check;

import io.github.pairloom.udfs.Setting;
import io.github.pairloom.udfs.SettingType;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.regex.Pattern;
import java.util.stream.Collectors;

/**
 * Holds the objects that a response mentions against those known to be in the image: CHAIR_i
 * (Rohrbach et al., EMNLP 2018), as CHAIR-DPO ranks by it (arXiv 2508.20181). The score is minus
 * the share of mentioned objects that are not there; 0 for a response that mentions none.
 *
 * @param objects names of objects, each with its synonyms
 * @param truth where the source says what is in the image
 */
@SettingType("objects")
public record ObjectCheck(
    @Setting(
            "Objects to look for, each with its synonyms: bus|coach. Plurals in -s and -es are found"
                + " too")
        List<String> objects,
    @Setting(
            "Path to the objects in the image among the source's further fields, such as"
                + " facts.objects.kind; lists on the way are gone through")
        String truth)
    implements Judge {
  public ObjectCheck {
    objects = List.copyOf(objects);
    check(!objects.isEmpty(), "Invalid objects: none (name at least one)");
    check(
        objects.stream().noneMatch(o -> o.isBlank() || o.startsWith("|") || o.endsWith("|")),
        "Invalid objects: %s (an empty name)",
        objects);
    check(!truth.isBlank(), "Invalid truth: blank (must be a path such as facts.objects.kind)");
  }

  @Override
  public CompletableFuture<List<Verdict>> judge(
      RejectionInput input, List<String> responses, Workbench bench) {
    Set<String> there = mentioned(String.join("\n", Extra.values(input.extra(), truth)));
    if (Extra.values(input.extra(), truth).isEmpty()) {
      return CompletableFuture.failedFuture(
          new NoPairException("no-ground-truth", "the source has no " + truth));
    }
    return CompletableFuture.completedFuture(
        responses.stream().map(response -> verdict(mentioned(response), there)).toList());
  }

  private static Verdict verdict(Set<String> mentioned, Set<String> there) {
    List<String> invented = new ArrayList<>();
    mentioned.stream().filter(name -> !there.contains(name)).sorted().forEach(invented::add);
    double share = mentioned.isEmpty() ? 0 : (double) invented.size() / mentioned.size();
    return new Verdict(
        // Not -0.0, which is below 0.0 to some.
        0 - share,
        Map.of(
            "objects", Integer.toString(mentioned.size()),
            "invented", String.join(", ", invented)));
  }

  /** Returns the first names of the objects that {@code text} mentions. */
  private Set<String> mentioned(String text) {
    return objects.stream()
        .filter(entry -> pattern(entry).matcher(text).find())
        .map(entry -> entry.split("\\|", -1)[0])
        .collect(Collectors.toSet());
  }

  private static Pattern pattern(String entry) {
    String names =
        Arrays.stream(entry.split("\\|", -1)).map(Pattern::quote).collect(Collectors.joining("|"));
    return Pattern.compile(
        "(?<![\\p{L}\\p{N}])(?:" + names + ")(?:s|es)?(?![\\p{L}\\p{N}])",
        Pattern.CASE_INSENSITIVE | Pattern.UNICODE_CASE);
  }
}
