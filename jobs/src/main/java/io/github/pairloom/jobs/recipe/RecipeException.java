package io.github.pairloom.jobs.recipe;

import io.github.pairloom.jobs.JobException;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

/** A recipe that cannot be used, with everything that is wrong with it. */
public final class RecipeException extends JobException {
  private static final long serialVersionUID = 1L;

  private final List<String> problems;

  /**
   * @param recipe the recipe's file
   * @param problems what is wrong, at least one; each with its path and, where known, its line
   */
  public RecipeException(String recipe, List<String> problems) {
    super(message(recipe, problems));
    this.problems = List.copyOf(problems);
  }

  /** Returns what is wrong, each with its path and, where known, its line. */
  public List<String> problems() {
    return problems;
  }

  private static String message(String recipe, List<String> problems) {
    String count = problems.size() == 1 ? "1 problem" : problems.size() + " problems";
    return IntStream.range(0, problems.size())
        .mapToObj(i -> "  " + (i + 1) + ". " + problems.get(i))
        .collect(Collectors.joining("\n", "Cannot use recipe " + recipe + ": " + count + "\n", ""));
  }
}
