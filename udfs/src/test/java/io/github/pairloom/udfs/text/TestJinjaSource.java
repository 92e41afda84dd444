package io.github.pairloom.udfs.text;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Expected texts are those of Jinja 3.1.6 with trim_blocks and lstrip_blocks. */
class TestJinjaSource {
  private static final List<ChatMessage> MESSAGES =
      List.of(ChatMessage.user("a b", 0), ChatMessage.assistant("c"));

  @ParameterizedTest
  @CsvSource(
      quoteCharacter = '`',
      value = {
        "`{% if true %}\nx\n{% endif %}\ny`, `x\ny`",
        "`x\n  {% if true %}\n  y{% endif %} z`, `x\n  y z`",
        "`x  {%- if true -%}\n\n  y  {% endif %}`, `xy  `",
        "`  {{ 'a' }}\nb\n`, `  a\nb`",
        "`a {#- c -#} b`, `ab`",
        "`a\n  {# c #}\nb`, `a\nb`",
        "`  {%+ if true +%}\nx{% endif %}`, `  \nx`",
        "`{{ '%}' }}{{ \"}}\" }}{{ '{#' }}`, `%}}}{#`",
        "`{% raw -%} {{ x }} {%- endraw %}`, `{{ x }}`",
        "`{{ {'a': {'b': 1}}.a.b }}`, `1`",
        "`a\r\nb\r\n`, `a\nb`",
      })
  void whitespaceIsThatOfJinja(String template, String expected) {
    assertEquals(expected, render(template));
  }

  @ParameterizedTest
  @CsvSource(
      quoteCharacter = '`',
      value = {
        "`{% if not add_generation_prompt is defined %}A{% else %}B{% endif %}`, `B`",
        "`{{ 'y' if not messages[0].role == 'system' and true else 'n' }}`, `y`",
        "`{{ 'y' if 'x' not in 'abc' and messages is not none else 'n' }}`, `y`",
        "`{% for m in messages[::-1] %}{{ m.role }} {% endfor %}`, `assistant user `",
        "`{% for k, v in {'a': 1}.items() %}{{ k }}{{ v }}{% endfor %}`, `a1`",
        "`{{ 'abc'[0] }}{{ 'abc'[-1] }}{{ 'abc'[1:] }}{{ 'abc'[5] }}`, `acbc`",
        "`{{ ' x '.strip() }}{{ 'xax'.lstrip('x') }}{{ 'xax'.rstrip('x') }}`, `xaxxa`",
        "`{{ 'it is'.title() }}{{ 'aB'.capitalize() }}{{ 'a'.upper() }}{{ 'B'.lower() }}`, `It IsAbAb`",
        "`{{ 'a,b,c'.split(',')[-1] }}{{ 'a-b-c'.split('-', 1)[1] }}{{ ' a  b '.split() | join('+') }}`, `cb-ca+b`",
        "`{{ 'abc'.replace('b', 'x') }}{{ 'abc'.find('c') }}{{ 'ab'.removeprefix('a') }}`, `axc2b`",
        "`{% if 'ab'.startswith('a') and not 'ab'.endswith('a') %}Y{% endif %}`, `Y`",
        "`{% set ns = namespace(n=0) %}{% for m in messages %}{% set ns.n = ns.n + 1 %}{% endfor %}{{ ns.n }}`, `2`",
        "`{% for i in range(5) %}{% if i == 2 %}{% break %}{% endif %}{{ i }}{% endfor %}`, `01`",
        "`{{ 'is not x' }}`, `is not x`",
      })
  void expressionsAreThoseOfJinja(String template, String expected) {
    assertEquals(expected, render(template));
  }

  @Test
  void whatWouldSilentlyBeLostIsRefused() {
    for (String template :
        List.of(
            "{% for m in messages if m.role == 'user' %}x{% endfor %}",
            "{% for m in messages %}x{% else %}y{% endfor %}", "{% raw %} x", "{# x", "{{ x")) {
      IllegalArgumentException refusal =
          assertThrows(IllegalArgumentException.class, () -> render(template));
      assertTrue(
          refusal.getMessage().startsWith("Invalid chat template (model.chat-template): "),
          refusal.getMessage());
    }
    assertEquals(
        "y", render("{% for m in [1] %}{% if false %}x{% else %}y{% endif %}{% endfor %}"));
  }

  private static String render(String template) {
    return ChatTemplate.of(template, Map.of()).render(MESSAGES, true);
  }
}
