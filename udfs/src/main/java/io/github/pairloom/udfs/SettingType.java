package io.github.pairloom.udfs;

import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;

/**
 * Names one alternative of a sealed settings interface: the value of the YAML key {@code type} that
 * selects this record.
 */
@Retention(RetentionPolicy.RUNTIME)
@Target(ElementType.TYPE)
public @interface SettingType {
  /** Stable kebab-case name; also what tables hold. */
  String value();
}
