package io.github.pairloom.jobs.recipe;

import static io.github.pairloom.schemas.Check.check;

import io.github.pairloom.udfs.Setting;

/**
 * Data that models are evaluated with, and that must not be trained on.
 *
 * @param name in kebab-case
 * @param images folder of image files
 * @param hashes text file of SHA-256s of image files, one at the start of each line
 * @param prompts text file of prompts, one on each line
 */
public record EvaluationSet(
    @Setting("Name of the evaluation set, in kebab-case, such as pope") String name,
    @Setting(
            value = "Folder of its image files, with all folders in it; '' for none",
            defaults = "")
        String images,
    @Setting(
            value =
                "Text file with the SHA-256 of one image file at the start of each line, as sha256sum"
                    + " writes it; '' for none",
            defaults = "")
        String hashes,
    @Setting(
            value =
                "Text file with one prompt on each line; those of fewer than "
                    + LEAST_PROMPT_WORDS
                    + " words are asked of any image and are passed over; pairs are found by their"
                    + " prompts and by earlier questions of their conversations; '' for none",
            defaults = "")
        String prompts) {
  /** Words of a prompt that says where it comes from. */
  public static final int LEAST_PROMPT_WORDS = 6;

  public EvaluationSet {
    check(
        name != null && name.matches("[a-z0-9]+(-[a-z0-9]+)*"),
        "Invalid name: '%s' (must be kebab-case)",
        name);
    check(
        !(images + hashes + prompts).isBlank(),
        "Invalid images: the evaluation set has neither images nor hashes nor prompts");
  }
}
