package io.github.pairloom.jobs.recipe;

import static io.github.pairloom.schemas.Check.check;

import io.github.pairloom.udfs.Setting;
import java.io.Serializable;
import java.util.ArrayList;
import java.util.List;

/**
 * Where image/prompt rows come from.
 *
 * @param name short name that stands in every row
 * @param format layout of the files
 * @param path a file, a folder or a glob
 * @param manifest file that lists what there must be; empty: whatever is found
 * @param imageRoot folder that relative image paths start from; empty: the folder of the file
 * @param imageColumn Parquet column with the image, or JSON key with its path
 * @param conversationsColumn Parquet column or JSON key with LLaVA conversations
 * @param promptColumn Parquet column or JSON key with the prompt, where there are no conversations
 * @param responseColumn Parquet column or JSON key with the response, where there are no
 *     conversations
 * @param providerPreferenceColumn Parquet column or JSON key with what the provider prefers
 * @param userPreferenceColumn Parquet column or JSON key with what the user prefers
 * @param captionPrompt prompt that a bare caption answers
 */
public record SourceSettings(
    @Setting("Short name of the source, in kebab-case; stands in every row") String name,
    @Setting(
            "llava: LLaVA-Instruct JSON or JSONL with an image folder; parquet: Hugging Face Parquet;"
                + " webdataset: tar shards")
        SourceFormat format,
    @Setting(
            "A file, a folder (its .json, .jsonl, .parquet or .tar files), or a glob; several with"
                + " commas")
        String path,
    @Setting(
            value =
                "File as sha256sum writes it, a hash and a name on each line, names from its folder"
                    + " on: a file of the source that is missing, not listed or not as listed is an"
                    + " error; empty: whatever is found is read",
            defaults = "")
        String manifest,
    @Setting(
            value = "Folder that relative image paths start from; empty: the folder of the file",
            defaults = "")
        String imageRoot,
    @Setting(
            value =
                "Parquet column with the image (struct<bytes, path> or binary), or JSON key with its"
                    + " path",
            defaults = "image")
        String imageColumn,
    @Setting(
            value = "Column or key with LLaVA conversations, [{from, value}] or [{role, content}]",
            defaults = "conversations")
        String conversationsColumn,
    @Setting(
            value = "Column or key with the prompt, where there are no conversations",
            defaults = "prompt")
        String promptColumn,
    @Setting(
            value = "Column or key with the response, where there are no conversations",
            defaults = "response")
        String responseColumn,
    @Setting(
            value =
                "Column or key with what the model's provider prefers; a row may lack it. Under another"
                    + " preference another response may be the better one",
            defaults = PROVIDER_PREFERENCE)
        String providerPreferenceColumn,
    @Setting(
            value = "Column or key with what the user prefers; a row may lack it",
            defaults = USER_PREFERENCE)
        String userPreferenceColumn,
    @Setting(
            value = "Prompt that a bare caption (key.txt in a tar) answers",
            defaults = "Describe the image.")
        String captionPrompt)
    implements Serializable {
  /** Where what the provider prefers stands unless a recipe says so. */
  public static final String PROVIDER_PREFERENCE = "provider_preference";

  /** Where what the user prefers stands unless a recipe says so. */
  public static final String USER_PREFERENCE = "user_preference";

  public SourceSettings {
    check(
        name != null && name.matches("[a-z0-9]+(-[a-z0-9]+)*"),
        "Invalid name: '%s' (must be kebab-case, such as my-photos)",
        name);
    check(path != null && !path.isBlank(), "Invalid path: blank (must name a file or folder)");
  }

  /**
   * Returns the paths in {@link #path}: commas part them, but for those of a glob's {@code {a,b}}.
   */
  public List<String> paths() {
    List<String> parts = new ArrayList<>();
    int depth = 0;
    int start = 0;
    for (int i = 0; i <= path.length(); i++) {
      char c = i == path.length() ? ',' : path.charAt(i);
      depth += c == '{' ? 1 : c == '}' ? -1 : 0;
      if (i == path.length() || (c == ',' && depth <= 0)) {
        String part = path.substring(start, i).strip();
        if (!part.isEmpty()) {
          parts.add(part);
        }
        start = i + 1;
      }
    }
    return parts;
  }
}
