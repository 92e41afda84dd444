package io.github.pairloom.jobs.ingest;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.math.BigInteger;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.Optional;
import org.apache.parquet.example.data.Group;
import org.apache.parquet.io.api.Binary;
import org.apache.parquet.schema.GroupType;
import org.apache.parquet.schema.LogicalTypeAnnotation;
import org.apache.parquet.schema.PrimitiveType;
import org.apache.parquet.schema.PrimitiveType.PrimitiveTypeName;
import org.apache.parquet.schema.Type;

/** Turns Parquet records into JSON. Raw bytes are left out: they are no text. */
final class ParquetRows {
  private static final JsonNodeFactory NODES = JsonNodeFactory.instance;

  private ParquetRows() {}

  /**
   * Returns the fields of {@code record} but {@code except}; nulls are left out.
   *
   * @throws BadRowException if a text is not UTF-8
   */
  static ObjectNode fields(Group record, String except) {
    ObjectNode object = NODES.objectNode();
    for (Type field : record.getType().getFields()) {
      if (!field.getName().equals(except)) {
        value(record, field).ifPresent(value -> object.set(field.getName(), value));
      }
    }
    return object;
  }

  /** Returns whether {@code type} is bytes that no annotation calls text. */
  static boolean isRawBytes(Type type) {
    return type.isPrimitive()
        && type.asPrimitiveType().getPrimitiveTypeName() == PrimitiveTypeName.BINARY
        && type.getLogicalTypeAnnotation() == null;
  }

  /**
   * Returns whether a list's repeated field only wraps its element: LogicalTypes.md of Parquet,
   * "Lists", backward compatibility rules.
   */
  static boolean wrapsElement(GroupType list) {
    Type repeated = list.getType(0);
    return !repeated.isPrimitive()
        && repeated.asGroupType().getFieldCount() == 1
        && !repeated.getName().equals("array")
        && !repeated.getName().equals(list.getName() + "_tuple");
  }

  private static Optional<JsonNode> value(Group group, Type field) {
    int index = group.getType().getFieldIndex(field.getName());
    int count = group.getFieldRepetitionCount(index);
    if (isRawBytes(field)) {
      return Optional.empty();
    }
    if (!field.isRepetition(Type.Repetition.REPEATED)) {
      return count == 0 ? Optional.empty() : Optional.of(single(group, field, index, 0));
    }
    ArrayNode array = NODES.arrayNode();
    for (int i = 0; i < count; i++) {
      array.add(single(group, field, index, i));
    }
    return Optional.of(array);
  }

  private static JsonNode single(Group group, Type field, int index, int repetition) {
    if (field.isPrimitive()) {
      return scalar(group, field.asPrimitiveType(), index, repetition);
    }
    Group child = group.getGroup(index, repetition);
    LogicalTypeAnnotation logical = field.getLogicalTypeAnnotation();
    if (logical instanceof LogicalTypeAnnotation.ListLogicalTypeAnnotation) {
      return list(child);
    }
    if (logical instanceof LogicalTypeAnnotation.MapLogicalTypeAnnotation) {
      return map(child);
    }
    return fields(child, null);
  }

  private static JsonNode list(Group list) {
    ArrayNode array = NODES.arrayNode();
    Type repeated = list.getType().getType(0);
    boolean wrapped = wrapsElement(list.getType());
    for (int i = 0; i < list.getFieldRepetitionCount(0); i++) {
      array.add(
          wrapped
              ? value(list.getGroup(0, i), repeated.asGroupType().getType(0))
                  .orElse(NODES.nullNode())
              : single(list, repeated, 0, i));
    }
    return array;
  }

  private static JsonNode map(Group map) {
    ObjectNode object = NODES.objectNode();
    for (int i = 0; i < map.getFieldRepetitionCount(0); i++) {
      Group entry = map.getGroup(0, i);
      JsonNode key = single(entry, entry.getType().getType(0), 0, 0);
      object.set(
          key.asText(),
          entry.getType().getFieldCount() < 2
              ? NODES.nullNode()
              : value(entry, entry.getType().getType(1)).orElse(NODES.nullNode()));
    }
    return object;
  }

  private static JsonNode scalar(Group group, PrimitiveType type, int index, int repetition) {
    LogicalTypeAnnotation logical = type.getLogicalTypeAnnotation();
    return switch (type.getPrimitiveTypeName()) {
      case BOOLEAN -> NODES.booleanNode(group.getBoolean(index, repetition));
      case INT32 ->
          numberOrText(logical, type.stringifier().stringify(group.getInteger(index, repetition)));
      case INT64 ->
          numberOrText(logical, type.stringifier().stringify(group.getLong(index, repetition)));
      case FLOAT -> NODES.numberNode(group.getFloat(index, repetition));
      case DOUBLE -> NODES.numberNode(group.getDouble(index, repetition));
      case BINARY -> {
        Binary value = group.getBinary(index, repetition);
        yield NODES.textNode(
            logical instanceof LogicalTypeAnnotation.DecimalLogicalTypeAnnotation
                ? type.stringifier().stringify(value)
                : text(value));
      }
      case FIXED_LEN_BYTE_ARRAY ->
          NODES.textNode(type.stringifier().stringify(group.getBinary(index, repetition)));
      case INT96 -> NODES.textNode(type.stringifier().stringify(group.getInt96(index, repetition)));
    };
  }

  /** Dates, times and decimals are texts in JSON. */
  private static JsonNode numberOrText(LogicalTypeAnnotation logical, String value) {
    return logical == null || logical instanceof LogicalTypeAnnotation.IntLogicalTypeAnnotation
        ? NODES.numberNode(new BigInteger(value))
        : NODES.textNode(value);
  }

  /**
   * Returns the text in {@code bytes}.
   *
   * @throws BadRowException if they are not UTF-8
   */
  static String text(Binary bytes) {
    try {
      return StandardCharsets.UTF_8
          .newDecoder()
          .decode(ByteBuffer.wrap(bytes.getBytes()))
          .toString();
    } catch (CharacterCodingException e) {
      throw new BadRowException(RowDefect.NOT_UTF_8, "a text of the row is not UTF-8");
    }
  }
}
