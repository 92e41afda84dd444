package io.github.pairloom.udfs.strategy;

import static io.github.pairloom.schemas.Check.check;

import io.github.pairloom.schemas.ContentId;
import io.github.pairloom.schemas.Transform;
import io.github.pairloom.udfs.Setting;
import io.github.pairloom.udfs.SettingType;
import io.github.pairloom.udfs.remote.ChatEndpoint;
import io.github.pairloom.udfs.vlm.ModelIdentity;
import io.github.pairloom.udfs.vlm.Sampling;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;

/**
 * Corruption: a language model rewrites the chosen response with false but plausible details
 * (POVID, arXiv 2402.11411; arXiv 2407.02477, section 3.3). It is not shown the image. Obvious
 * corruptions make worse pairs than subtle ones.
 *
 * @param endpoint the model that rewrites
 * @param template its instructions
 */
@SettingType("corruption")
public record Corruption(
    @Setting("The model that rewrites, behind HTTP") ChatEndpoint endpoint,
    @Setting(
            value =
                "Instructions: {prompt} and {response} stand for the texts; the answer is the"
                    + " rejected response",
            defaults = DEFAULT_TEMPLATE)
        String template)
    implements RejectionStrategy {
  static final String DEFAULT_TEMPLATE =
      "Below is a question about an image and a correct answer. Rewrite the answer so that it is"
          + " wrong about the image in one to three details, each of which could well be true:"
          + " another object that fits the scene, another colour, number, position, action or"
          + " relation. Keep everything else word for word, and the style and the length too. Do"
          + " not make it absurd, do not hint that anything was changed, do not mention the image"
          + " if the answer does not. Reply with the rewritten answer alone.\n\n"
          + "Question: What is on the desk?\n"
          + "Answer: A laptop stands on the desk, next to a white mug and two pens.\n"
          + "Rewritten: A laptop stands on the desk, next to a blue mug and a notebook.\n\n"
          + "Question: Is the man wearing a hat?\n"
          + "Answer: No, the man is not wearing a hat; he has short grey hair.\n"
          + "Rewritten: Yes, the man is wearing a dark hat over his grey hair.\n\n"
          + "Question: {prompt}\nAnswer: {response}\nRewritten:";

  public Corruption {
    check(
        template.contains("{response}"),
        "Invalid template: it lacks {response}, so there would be nothing to rewrite");
  }

  @Override
  public Sampling sampling() {
    return new Sampling(endpoint.temperature(), 1, endpoint.maxTokens());
  }

  @Override
  public Optional<ModelIdentity> writer() {
    return Optional.of(
        new ModelIdentity(
            endpoint.url() + " " + endpoint.model(),
            new ContentId().add(endpoint.url()).add(endpoint.model()).toHex(),
            ContentId.of(template)));
  }

  @Override
  public CompletableFuture<List<Rejection>> reject(RejectionInput input, Workbench bench) {
    String question =
        PromptTemplate.fill(template, Map.of("prompt", input.prompt(), "response", input.chosen()));
    return bench
        .ask(endpoint, question, input.key().with("corruption").bits(0))
        .thenApplyAsync(
            answer -> {
              String text = answer.text().strip();
              return List.of(
                  new Rejection(
                      text,
                      1,
                      bench.similarity().of(input.chosen(), text),
                      answer.cutOff(),
                      new Transform(
                          Transform.ABSENT, Map.of(), input.pixels().sha256(), List.of())));
            },
            bench);
  }
}
