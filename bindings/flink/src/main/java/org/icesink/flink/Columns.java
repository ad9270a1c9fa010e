package org.icesink.flink;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import org.apache.flink.table.types.logical.ArrayType;
import org.apache.flink.table.types.logical.BinaryType;
import org.apache.flink.table.types.logical.DecimalType;
import org.apache.flink.table.types.logical.LogicalType;
import org.apache.flink.table.types.logical.MapType;
import org.apache.flink.table.types.logical.RowType;
import org.apache.flink.table.types.logical.utils.LogicalTypeChecks;

/**
 * Columns as the library takes them: Arrow formats (https://arrow.apache.org/docs/format/CDataInterface.html) and names in
 * preorder, the struct of all columns first.
 */
final class Columns {
  private static final int MICROSECONDS = 6;

  /** A column, or a part of a nested one. */
  static final class Node {
    final String path;
    final String name;
    final String format;
    final LogicalType type;
    final boolean nullable;
    final List<Node> children;

    private Node(String path, String name, String format, LogicalType type, List<Node> children) {
      this.path = path;
      this.name = name;
      this.format = format;
      this.type = type;
      this.nullable = type.isNullable();
      this.children = children;
    }
  }

  private final Node root;
  private final List<String> names = new ArrayList<>();
  private final List<Integer> shape = new ArrayList<>();

  private Columns(Node root) {
    this.root = root;
    flatten(root);
  }

  /** @throws IllegalArgumentException for a type that Iceberg's format version 2 does not have; it names the column */
  static Columns of(RowType type) {
    return new Columns(new Node("", "", "+s", type.copy(false), fields("", type)));
  }

  List<Node> top() {
    return root.children;
  }

  /** Format and name of each. */
  byte[] names() {
    return Texts.join(names);
  }

  /** Number of children of each, and whether it may be null. */
  int[] shape() {
    return shape.stream().mapToInt(Integer::intValue).toArray();
  }

  int count() {
    return names.size() / 2;
  }

  private void flatten(Node node) {
    names.add(node.format);
    names.add(node.name);
    shape.add(node.children.size());
    shape.add(node.nullable ? 1 : 0);
    node.children.forEach(this::flatten);
  }

  private static List<Node> fields(String path, RowType type) {
    List<Node> fields = new ArrayList<>();
    for (RowType.RowField field : type.getFields()) {
      fields.add(node(path + field.getName(), field.getName(), field.getType()));
    }
    return fields;
  }

  private static Node node(String path, String name, LogicalType type) {
    return new Node(path, name, format(path, type), type, children(path, type));
  }

  private static List<Node> children(String path, LogicalType type) {
    switch (type.getTypeRoot()) {
      case ROW:
        return fields(path + ".", (RowType) type);
      case ARRAY:
        return List.of(node(path + ".element", "element", ((ArrayType) type).getElementType()));
      case MAP:
        // Arrow's map is a list of structs; a key is never null, whatever SQL calls its type.
        MapType map = (MapType) type;
        Node key = node(path + ".key", "key", map.getKeyType().copy(false));
        Node value = node(path + ".value", "value", map.getValueType());
        return List.of(new Node(path, "entries", "+s", type.copy(false), List.of(key, value)));
      default:
        return Collections.emptyList();
    }
  }

  private static String format(String path, LogicalType type) {
    switch (type.getTypeRoot()) {
      case BOOLEAN:
        return "b";
      case INTEGER:
        return "i";
      case BIGINT:
        return "l";
      case FLOAT:
        return "f";
      case DOUBLE:
        return "g";
      case DECIMAL:
        return "d:" + ((DecimalType) type).getPrecision() + "," + ((DecimalType) type).getScale();
      case CHAR:
      case VARCHAR:
        return "u";
      case BINARY:
        return "w:" + ((BinaryType) type).getLength();
      case VARBINARY:
        return "z";
      case DATE:
        return "tdD";
      case TIME_WITHOUT_TIME_ZONE:
        checkPrecision(path, type);
        return "ttu";
      case TIMESTAMP_WITHOUT_TIME_ZONE:
        checkPrecision(path, type);
        return "tsu:";
      case TIMESTAMP_WITH_LOCAL_TIME_ZONE:
        checkPrecision(path, type);
        return "tsu:UTC";
      case ARRAY:
        return "+l";
      case MAP:
        return "+m";
      case ROW:
        return "+s";
      default:
        throw new IllegalArgumentException(
            "column \"" + path + "\": Iceberg tables have no type for " + type.asSerializableString() + hint(type));
    }
  }

  private static String hint(LogicalType type) {
    switch (type.getTypeRoot()) {
      case TINYINT:
      case SMALLINT:
        return "; cast it to INT";
      case TIMESTAMP_WITH_TIME_ZONE:
        return "; cast it to TIMESTAMP_LTZ(6)";
      case MULTISET:
        return "; cast it to MAP";
      default:
        return "";
    }
  }

  private static void checkPrecision(String path, LogicalType type) {
    if (LogicalTypeChecks.getPrecision(type) > MICROSECONDS) {
      throw new IllegalArgumentException(
          "column \""
              + path
              + "\": Iceberg tables keep microseconds, which "
              + type.asSerializableString()
              + " exceeds; cast it to precision 6");
    }
  }
}
