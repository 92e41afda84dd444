package io.github.pairloom.udfs.text;

/** Chat templates in the manner of the families a user is likely to bring. */
final class Templates {
  /** LLaVA 1.5: all images first, then all texts; roles in capitals. */
  static final String LLAVA =
      """
      {% for message in messages %}
      {% if message['role'] != 'system' %}
      {{ message['role'].upper() + ': '}}
      {%- endif %}
      {# images first #}
      {%- for part in message['content'] | selectattr('type', 'equalto', 'image') %}
      {{- '<image>\\n' }}
      {%- endfor %}
      {%- if message['role'] != 'assistant' %}
      {%- for part in message['content'] | selectattr('type', 'equalto', 'text') %}
      {{- part['text'] + ' ' }}
      {%- endfor %}
      {%- else %}
      {%- for part in message['content'] | selectattr('type', 'equalto', 'text') %}
      {%- generation %}
      {{- part['text'] + ' ' }}
      {%- endgeneration %}
      {%- endfor %}
      {%- endif %}
      {%- endfor %}
      {%- if add_generation_prompt %}
      {{- 'ASSISTANT:' }}
      {%- endif %}
      """;

  /** LLaVA interleave and OneVision: ChatML, a space after the role before an image. */
  static final String LLAVA_INTERLEAVE =
      "{% for message in messages %}{{ '<|im_start|>' + message['role'] + ' ' }}"
          + "{% for part in message['content'] | selectattr('type', 'equalto', 'image') %}"
          + "{{ '<image>' }}{% endfor %}"
          + "{% for part in message['content'] | selectattr('type', 'equalto', 'text') %}"
          + "{{ '\\n' + part['text'] }}{% endfor %}{{ '<|im_end|>' }}{% endfor %}"
          + "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}";

  /** Idefics3 and SmolVLM: no space after the colon when an image comes first. */
  static final String SMOLVLM =
      "<|im_start|>{% for message in messages %}{{ message['role'] | capitalize }}"
          + "{% if message['content'][0]['type'] == 'image' %}{{ ':' }}{% else %}{{ ': ' }}"
          + "{% endif %}{% for line in message['content'] %}{% if line['type'] == 'text' %}"
          + "{{ line['text'] }}{% elif line['type'] == 'image' %}{{ '<image>' }}{% endif %}"
          + "{% endfor %}<end_of_utterance>\n{% endfor %}"
          + "{% if add_generation_prompt %}{{ 'Assistant:' }}{% endif %}";

  /** Qwen2-VL: a default system turn, vision markers around the image token, counted images. */
  static final String QWEN2_VL =
      """
      {% set image_count = namespace(value=0) %}{% for message in messages %}\
      {% if loop.first and message['role'] != 'system' %}<|im_start|>system
      You are a helpful assistant.<|im_end|>
      {% endif %}<|im_start|>{{ message['role'] }}
      {% if message['content'] is string %}{{ message['content'] }}<|im_end|>
      {% else %}{% for content in message['content'] %}\
      {% if content['type'] == 'image' or 'image' in content or 'image_url' in content %}\
      {% set image_count.value = image_count.value + 1 %}\
      {% if add_vision_id %}Picture {{ image_count.value }}: {% endif %}\
      <|vision_start|><|image_pad|><|vision_end|>\
      {% elif 'text' in content %}{{ content['text'] }}{% endif %}{% endfor %}<|im_end|>
      {% endif %}{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant
      {% endif %}\
      """;

  /** Plain ChatML, as language models have it: content is a text. */
  static final String CHATML =
      """
      {%- for message in messages %}
          {%- if loop.first and message.role != 'system' %}
              {{- '<|im_start|>system\\nYou are a helpful assistant.<|im_end|>\\n' }}
          {%- endif %}
          {{- '<|im_start|>' + message.role + '\\n' + message.content.strip() + '<|im_end|>' + '\\n' }}
      {%- endfor %}
      {%- if add_generation_prompt is defined and add_generation_prompt %}
          {{- '<|im_start|>assistant\\n' }}
      {%- endif %}
      """;

  /** Mistral: refuses roles that do not alternate. */
  static final String MISTRAL =
      """
      {{ bos_token }}
      {%- for message in messages %}
      {%- if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}
      {{- raise_exception('Conversation roles must alternate user/assistant/user/assistant/...') }}
      {%- endif %}
      {%- if message['role'] == 'user' %}
      {{- ' [INST] ' ~ message['content'] ~ ' [/INST]' }}
      {%- else %}
      {{- ' ' + message['content'] | trim + eos_token }}
      {%- endif %}
      {%- endfor %}
      """;

  private Templates() {}
}
