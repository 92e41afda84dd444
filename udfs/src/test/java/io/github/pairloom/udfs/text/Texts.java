package io.github.pairloom.udfs.text;

import java.util.List;
import java.util.Random;

/** Texts for tests. */
final class Texts {
  private static final List<String> PIECES =
      List.of(
          "<image>",
          "</s>",
          "<s>",
          "<|user|>",
          "<|assistant|>",
          "<unk>",
          "<ima",
          "ge>",
          "<",
          ">",
          "|",
          "/s>",
          "user",
          " ",
          "  ",
          "\n",
          "\t",
          "a",
          "cat",
          " The cup",
          ".",
          ". ",
          "3.5",
          "Yes, ",
          "\u00e9",
          "e\u0301",
          "\u65e5\u672c",
          "\u3002",
          "\uD83D\uDE00",
          "\u0000",
          "\uF000",
          "{{ x }}",
          "{% if %}",
          "No. ",
          "- ",
          "\r\n",
          "!",
          "?\" ");

  /** A tokenizer of the SentencePiece kind: a space is part of the word and one is put before. */
  static final String METASPACE_TOKENIZER =
      """
      {"version": "1.0", "truncation": null, "padding": null,
       "added_tokens": [
        {"id": 0, "content": "<unk>", "single_word": false, "lstrip": false, "rstrip": false,
         "normalized": false, "special": true},
        {"id": 1, "content": "<s>", "single_word": false, "lstrip": false, "rstrip": false,
         "normalized": false, "special": true},
        {"id": 2, "content": "</s>", "single_word": false, "lstrip": false, "rstrip": false,
         "normalized": false, "special": true}],
       "normalizer": null,
       "pre_tokenizer": {"type": "Metaspace", "replacement": "\u2581", "prepend_scheme": "first",
        "split": true},
       "post_processor": {"type": "TemplateProcessing",
        "single": [{"SpecialToken": {"id": "<s>", "type_id": 0}},
                   {"Sequence": {"id": "A", "type_id": 0}}],
        "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
        "special_tokens": {"<s>": {"id": "<s>", "ids": [1], "tokens": ["<s>"]}}},
       "decoder": {"type": "Metaspace", "replacement": "\u2581", "prepend_scheme": "first",
        "split": true},
       "model": {"type": "Unigram", "unk_id": 0, "byte_fallback": false,
        "vocab": [["<unk>", 0.0], ["<s>", 0.0], ["</s>", 0.0], ["\u2581", -5.0],
         ["\u2581a", -1.0], ["\u2581cat", -2.0], ["a", -3.0], ["<", -4.0], ["/", -4.0],
         ["s", -4.0], [">", -4.0], ["i", -4.0], ["m", -4.0], ["g", -4.0], ["e", -4.0],
         ["c", -4.0], ["t", -4.0]]}}
      """;

  private Texts() {}

  static String random(Random random, int pieces) {
    StringBuilder text = new StringBuilder();
    for (int i = 0; i < pieces; i++) {
      if (random.nextInt(6) == 0) {
        int c;
        do {
          c = random.nextInt(0x30000);
        } while (!Character.isDefined(c) || (c >= 0xD800 && c <= 0xDFFF));
        text.appendCodePoint(c);
      } else {
        text.append(PIECES.get(random.nextInt(PIECES.size())));
      }
    }
    return text.toString();
  }
}
