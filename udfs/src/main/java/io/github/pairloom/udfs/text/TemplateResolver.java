package io.github.pairloom.udfs.text;

import com.hubspot.jinjava.el.JinjavaInterpreterResolver;
import java.beans.FeatureDescriptor;
import java.util.Collections;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import jinjava.javax.el.ELContext;
import jinjava.javax.el.ELResolver;
import jinjava.javax.el.MethodNotFoundException;

/**
 * What an expression in a chat template may touch: items of lists and maps, Jinjava's own objects
 * (loops, filters, namespaces), and the methods of Python's strings that are in {@link
 * PythonStrings}. Methods of Java objects are out of reach.
 */
final class TemplateResolver extends ELResolver {
  private static final String JINJAVA = "com.hubspot.jinjava.";

  private final ELResolver delegate = JinjavaInterpreterResolver.DEFAULT_RESOLVER_READ_ONLY;

  @Override
  public Object getValue(ELContext context, Object base, Object property) {
    if (isOpen(base)) {
      return delegate.getValue(context, base, property);
    }
    context.setPropertyResolved(true);
    return base instanceof CharSequence text
        ? PythonStrings.at(text.toString(), String.valueOf(property))
        : null;
  }

  @Override
  public Object invoke(
      ELContext context, Object base, Object method, Class<?>[] types, Object[] arguments) {
    if (base instanceof CharSequence text) {
      context.setPropertyResolved(true);
      return PythonStrings.call(text.toString(), String.valueOf(method), arguments);
    }
    if (isOpen(base)) {
      return delegate.invoke(context, base, method, types, arguments);
    }
    throw new MethodNotFoundException(
        "A template may not call %s of %s".formatted(method, base.getClass().getSimpleName()));
  }

  @Override
  public Class<?> getType(ELContext context, Object base, Object property) {
    return isOpen(base) ? delegate.getType(context, base, property) : null;
  }

  @Override
  public void setValue(ELContext context, Object base, Object property, Object value) {
    throw new MethodNotFoundException("A template may not set " + property);
  }

  @Override
  public boolean isReadOnly(ELContext context, Object base, Object property) {
    return true;
  }

  @Override
  public Iterator<FeatureDescriptor> getFeatureDescriptors(ELContext context, Object base) {
    return Collections.emptyIterator();
  }

  @Override
  public Class<?> getCommonPropertyType(ELContext context, Object base) {
    return Object.class;
  }

  private static boolean isOpen(Object base) {
    return base instanceof Map
        || base instanceof List
        || (base != null
            && (base.getClass().isArray() || base.getClass().getName().startsWith(JINJAVA)));
  }
}
