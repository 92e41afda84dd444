package io.github.pairloom.udfs.text;

import com.hubspot.jinjava.interpret.JinjavaInterpreter;
import com.hubspot.jinjava.lib.tag.Tag;
import com.hubspot.jinjava.tree.Node;
import com.hubspot.jinjava.tree.TagNode;

/**
 * Hugging Face's {@code {% generation %}}, which marks what the assistant says for a trainer's
 * mask. The text is that of its content.
 */
final class GenerationTag implements Tag {
  private static final long serialVersionUID = 1L;

  @Override
  public String getName() {
    return "generation";
  }

  @Override
  public String interpret(TagNode node, JinjavaInterpreter interpreter) {
    StringBuilder content = new StringBuilder();
    for (Node child : node.getChildren()) {
      content.append(child.render(interpreter).getValue());
    }
    return content.toString();
  }
}
