package io.github.pairloom.udfs.text;

import static java.util.Objects.requireNonNull;

import io.github.pairloom.udfs.Kept;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;

/**
 * Turns conversations into the ids a model reads, as the model's own Python processor does: the
 * whole rendered template is tokenised in one go, preceded by the beginning-of-sequence token where
 * the tokenizer adds one and the template has not written it.
 *
 * <p>Only the template makes control tokens. Where a message spells one ({@code <image>}, {@code
 * </s>}), those characters are tokenised as any other text.
 *
 * <p>Safe for use by several threads at once. The tokenizer stays its opener's to close.
 */
public final class PromptEncoder {
  /** Texts kept: a template takes far longer to render than its text to be tokenised. */
  private static final int KEPT = 1024;

  private final Kept<List<ChatMessage>, int[]> prompts = new Kept<>(KEPT);

  /** A response is asked for again by each attempt at another, by each strategy and by the pair. */
  private final Kept<String, Tokens> responses = new Kept<>(KEPT);

  private final ChatTemplate template;
  private final TextTokenizer tokenizer;
  private final String imageToken;
  private final int imageId;

  /**
   * Creates an encoder.
   *
   * @param imageToken spelling of the token that stands for an image
   * @throws IllegalArgumentException if {@code imageToken} is no control token of the tokenizer
   */
  public PromptEncoder(ChatTemplate template, TextTokenizer tokenizer, String imageToken) {
    this.template = requireNonNull(template, "template is null");
    this.tokenizer = requireNonNull(tokenizer, "tokenizer is null");
    this.imageToken = requireNonNull(imageToken, "imageToken is null");
    Integer id = tokenizer.controlTokens().get(imageToken);
    if (id == null) {
      throw new IllegalArgumentException(
          "Invalid image token: %s is not among the control tokens %s. Name it when opening the tokenizer."
              .formatted(imageToken, tokenizer.controlTokens().keySet()));
    }
    this.imageId = id;
  }

  /** Returns the id that stands for an image. */
  public int imageId() {
    return imageId;
  }

  /**
   * Returns the ids of a conversation up to where the assistant is to speak. Each image is as many
   * image tokens as the template writes for one: one.
   *
   * @throws IllegalArgumentException if the template does not give one image token per image, or
   *     cannot render the messages
   */
  public int[] encode(List<ChatMessage> messages) {
    return prompts.get(List.copyOf(messages), this::encodeAnew).clone();
  }

  private int[] encodeAnew(List<ChatMessage> messages) {
    String rendered = template.render(messages, true);
    String marked =
        template.render(
            messages.stream().map(m -> m.withText(Marked.mark(m.text()))).toList(), true);
    int[] ids = tokenizer.encodeRendered(rendered, marked);
    int images = messages.stream().mapToInt(ChatMessage::imageCount).sum();
    long found = Arrays.stream(ids).filter(id -> id == imageId).count();
    if (found != images) {
      throw new IllegalArgumentException(
          "Cannot place %s images: the chat template gives %s tokens %s. Set model.chat-template in the recipe to one that writes the token once per image."
              .formatted(images, found, imageToken));
    }
    boolean begun = template.token("bos_token").filter(rendered::startsWith).isPresent();
    return begun
        ? ids
        : IntStream.concat(Arrays.stream(tokenizer.promptPrefix()), Arrays.stream(ids)).toArray();
  }

  /**
   * Returns the tokens of a response, tokenised on its own as trainers do that keep prompt and
   * response apart (TRL).
   */
  public Tokens encodeResponse(String response) {
    return responses.get(response, tokenizer::encodePlain);
  }
}
