package io.github.pairloom.udfs;

import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;

/**
 * Documents one setting where it is defined: on the component of a settings record. The recipe
 * reader binds YAML keys (the component's name in kebab-case) to these components, takes {@link
 * #defaults()} where a key is missing, and prints {@link #value()} in the reference of settings.
 */
@Retention(RetentionPolicy.RUNTIME)
@Target(ElementType.RECORD_COMPONENT)
public @interface Setting {
  /** What the setting does, its unit and its range, in one line. */
  String value();

  /** The default as it would be written in YAML; {@link #REQUIRED} where there is none. */
  String defaults() default REQUIRED;

  /** Whether it shapes what is made, and so stands in the identity of rows. */
  boolean shapes() default true;

  /** Marks a setting without a default. */
  String REQUIRED = "\0required";
}
