#include "parquet/parquet_schema_priv.h"
#include <stdlib.h>

enum { TYPE_LENGTH_MAX = 1 << 24, DECIMAL_SIZE_MAX = 16 };

// A SchemaElement as it stands in the file.
typedef struct element {
  ice_str name;
  int32_t physical;  // -1 for a group
  int32_t type_length;
  int32_t repetition;  // -1 where there is none: the root
  int32_t child_count;
  int32_t converted;
  int32_t scale;
  int32_t precision;
  int32_t field_id;
  int32_t logical;
  int32_t unit;
  int32_t bit_width;
  bool utc;
  bool is_signed;
} element;

// What the file says about a leaf, beside its type.
typedef struct raw_leaf {
  ice_parquet_physical physical;
  int32_t type_length;
  int32_t time_factor;
  uint32_t path_count;
  ice_str *path;
} raw_leaf;

typedef struct parse {
  ice_arena arena;  // elements and leaves, freed at the end
  element *elements;
  uint32_t element_count;
  uint32_t next;
  uint32_t claimed;  // children that groups have announced: together never more than there are elements
  raw_leaf *leaves;
  uint32_t leaf_count;
  ice_schema *schema;
  ice_error *err;
  uint32_t path_count;
  ice_str path[3 * (ICE_SCHEMA_DEPTH_MAX + 2)];
} parse;

static void read_unit(ice_thrift_reader *reader, const ice_thrift_field *field, element *out) {
  if (!ice_thrift_read_struct(reader, field)) {
    return;
  }
  ice_thrift_field unit = {0};
  while (ice_thrift_next(reader, &unit)) {
    out->unit = unit.id;
    ice_thrift_skip(reader, &unit);
  }
}

// The parameters of the logical types that have some: their field ids do not clash in meaning within one type.
static void read_logical_parameters(ice_thrift_reader *reader, const ice_thrift_field *field, element *out) {
  if (!ice_thrift_read_struct(reader, field)) {
    return;
  }
  ice_thrift_field at = {0};
  while (ice_thrift_next(reader, &at)) {
    bool timed = field->id == ICE_PARQUET_LOGICAL_TIME || field->id == ICE_PARQUET_LOGICAL_TIMESTAMP;
    if (timed && at.id == 1) {
      out->utc = ice_thrift_read_bool(reader, &at);
    } else if (timed && at.id == 2) {
      read_unit(reader, &at, out);
    } else if (field->id == ICE_PARQUET_LOGICAL_DECIMAL && at.id == 1) {
      out->scale = ice_thrift_read_i32(reader, &at);
    } else if (field->id == ICE_PARQUET_LOGICAL_DECIMAL && at.id == 2) {
      out->precision = ice_thrift_read_i32(reader, &at);
    } else if (field->id == ICE_PARQUET_LOGICAL_INTEGER && at.id == 1) {
      out->bit_width = (uint8_t)ice_thrift_read_i8(reader, &at);
    } else if (field->id == ICE_PARQUET_LOGICAL_INTEGER && at.id == 2) {
      out->is_signed = ice_thrift_read_bool(reader, &at);
    } else {
      ice_thrift_skip(reader, &at);
    }
  }
}

static void read_logical(ice_thrift_reader *reader, const ice_thrift_field *field, element *out) {
  if (!ice_thrift_read_struct(reader, field)) {
    return;
  }
  ice_thrift_field at = {0};
  while (ice_thrift_next(reader, &at)) {
    out->logical = at.id;
    read_logical_parameters(reader, &at, out);
  }
}

static void read_element(ice_thrift_reader *reader, element *out) {
  *out = (element){.physical = -1, .repetition = -1, .converted = ICE_PARQUET_CONVERTED_NONE};
  ice_thrift_field field = {0};
  while (ice_thrift_next(reader, &field)) {
    switch (field.id) {
      case ELEMENT_TYPE: out->physical = ice_thrift_read_i32(reader, &field); break;
      case ELEMENT_TYPE_LENGTH: out->type_length = ice_thrift_read_i32(reader, &field); break;
      case ELEMENT_REPETITION: out->repetition = ice_thrift_read_i32(reader, &field); break;
      case ELEMENT_NAME: out->name = ice_thrift_read_binary(reader, &field); break;
      case ELEMENT_NUM_CHILDREN: out->child_count = ice_thrift_read_i32(reader, &field); break;
      case ELEMENT_CONVERTED: out->converted = ice_thrift_read_i32(reader, &field); break;
      case ELEMENT_SCALE: out->scale = ice_thrift_read_i32(reader, &field); break;
      case ELEMENT_PRECISION: out->precision = ice_thrift_read_i32(reader, &field); break;
      case ELEMENT_FIELD_ID: out->field_id = ice_thrift_read_i32(reader, &field); break;
      case ELEMENT_LOGICAL: read_logical(reader, &field, out); break;
      default: ice_thrift_skip(reader, &field); break;
    }
  }
}

static ice_status unsupported(const parse *in, const element *at, const char *what) {
  return ice_error_set(in->err, ICE_UNSUPPORTED, "Parquet column \"%.*s\": %s", ICE_STR_ARG(at->name), what);
}

static ice_status corrupt(const parse *in, const element *at, const char *what) {
  return ice_error_set(in->err, ICE_CORRUPT, "Parquet column \"%.*s\": %s", ICE_STR_ARG(at->name), what);
}

// A ConvertedType as the logical type that replaced it; what has no logical type stays.
static void convert_legacy(element *at) {
  if (at->logical != ICE_PARQUET_LOGICAL_NONE) {
    return;
  }
  switch (at->converted) {
    case ICE_PARQUET_UTF8: at->logical = ICE_PARQUET_LOGICAL_STRING; break;
    case ICE_PARQUET_ENUM: at->logical = ICE_PARQUET_LOGICAL_ENUM; break;
    case ICE_PARQUET_JSON: at->logical = ICE_PARQUET_LOGICAL_JSON; break;
    case ICE_PARQUET_BSON: at->logical = ICE_PARQUET_LOGICAL_BSON; break;
    case ICE_PARQUET_CONVERTED_DECIMAL: at->logical = ICE_PARQUET_LOGICAL_DECIMAL; break;
    case ICE_PARQUET_CONVERTED_DATE: at->logical = ICE_PARQUET_LOGICAL_DATE; break;
    case ICE_PARQUET_TIME_MILLIS:
    case ICE_PARQUET_TIME_MICROS:
      at->logical = ICE_PARQUET_LOGICAL_TIME;
      at->unit = at->converted == ICE_PARQUET_TIME_MILLIS ? ICE_PARQUET_MILLIS : ICE_PARQUET_MICROS;
      break;
    case ICE_PARQUET_TIMESTAMP_MILLIS:
    case ICE_PARQUET_TIMESTAMP_MICROS:
      at->logical = ICE_PARQUET_LOGICAL_TIMESTAMP;
      at->unit = at->converted == ICE_PARQUET_TIMESTAMP_MILLIS ? ICE_PARQUET_MILLIS : ICE_PARQUET_MICROS;
      at->utc = true;
      break;
    default:
      if (at->converted >= ICE_PARQUET_UINT_8 && at->converted <= ICE_PARQUET_INT_64) {
        at->logical = ICE_PARQUET_LOGICAL_INTEGER;
        at->bit_width = 8 << ((at->converted - ICE_PARQUET_UINT_8) % 4);
        at->is_signed = at->converted >= ICE_PARQUET_INT_8;
      }
      break;
  }
}

static ice_status physical_type(const parse *in, const element *at, ice_type *type) {
  switch (at->physical) {
    case ICE_PARQUET_BOOLEAN: type->kind = ICE_KIND_BOOLEAN; return ICE_OK;
    case ICE_PARQUET_INT32: type->kind = ICE_KIND_INT; return ICE_OK;
    case ICE_PARQUET_INT64: type->kind = ICE_KIND_LONG; return ICE_OK;
    case ICE_PARQUET_FLOAT: type->kind = ICE_KIND_FLOAT; return ICE_OK;
    case ICE_PARQUET_DOUBLE: type->kind = ICE_KIND_DOUBLE; return ICE_OK;
    case ICE_PARQUET_BYTE_ARRAY: type->kind = ICE_KIND_BINARY; return ICE_OK;
    case ICE_PARQUET_FIXED_LEN_BYTE_ARRAY:
      type->kind = ICE_KIND_FIXED;
      type->size = at->type_length;
      return ICE_OK;
    case ICE_PARQUET_INT96: return unsupported(in, at, "type INT96");
    default: return corrupt(in, at, "unknown physical type");
  }
}

static ice_status decimal_type(const parse *in, const element *at, ice_type *type) {
  *type = (ice_type){.kind = ICE_KIND_DECIMAL, .precision = at->precision, .scale = at->scale};
  if (at->precision < 1 || at->precision > 38 || at->scale < 0 || at->scale > at->precision) {
    return unsupported(in, at, "precision or scale of the decimal");
  }
  if (at->physical == ICE_PARQUET_FIXED_LEN_BYTE_ARRAY && at->type_length > DECIMAL_SIZE_MAX) {
    return unsupported(in, at, "decimal of more than 16 bytes");
  }
  bool fits = at->physical == ICE_PARQUET_FIXED_LEN_BYTE_ARRAY || at->physical == ICE_PARQUET_BYTE_ARRAY ||
              (at->physical == ICE_PARQUET_INT32 && at->precision <= 9) ||
              (at->physical == ICE_PARQUET_INT64 && at->precision <= 18);
  return fits ? ICE_OK : corrupt(in, at, "decimal of an impossible physical type");
}

static ice_status time_type(const parse *in, const element *at, ice_type *type, int32_t *factor) {
  bool millis = at->unit == ICE_PARQUET_MILLIS;
  if (!millis && at->unit != ICE_PARQUET_MICROS) {
    return unsupported(in, at, "unit of time other than milliseconds and microseconds");
  }
  *factor = millis ? 1000 : 1;
  if (at->logical == ICE_PARQUET_LOGICAL_TIME) {
    type->kind = ICE_KIND_TIME;
    bool fits = at->physical == (millis ? ICE_PARQUET_INT32 : ICE_PARQUET_INT64);
    return fits ? ICE_OK : corrupt(in, at, "time of an impossible physical type");
  }
  type->kind = at->utc ? ICE_KIND_TIMESTAMPTZ : ICE_KIND_TIMESTAMP;
  return at->physical == ICE_PARQUET_INT64 ? ICE_OK : corrupt(in, at, "timestamp of an impossible physical type");
}

static ice_status leaf_type(const parse *in, const element *at, ice_type *type, int32_t *factor) {
  *factor = 1;
  bool bytes = at->physical == ICE_PARQUET_BYTE_ARRAY;
  switch (at->logical) {
    case ICE_PARQUET_LOGICAL_STRING:
    case ICE_PARQUET_LOGICAL_ENUM:
    case ICE_PARQUET_LOGICAL_JSON:
    case ICE_PARQUET_LOGICAL_BSON:
      type->kind = at->logical == ICE_PARQUET_LOGICAL_BSON ? ICE_KIND_BINARY : ICE_KIND_STRING;
      return bytes ? ICE_OK : corrupt(in, at, "text of an impossible physical type");
    case ICE_PARQUET_LOGICAL_DECIMAL: return decimal_type(in, at, type);
    case ICE_PARQUET_LOGICAL_DATE:
      type->kind = ICE_KIND_DATE;
      return at->physical == ICE_PARQUET_INT32 ? ICE_OK : corrupt(in, at, "date of an impossible physical type");
    case ICE_PARQUET_LOGICAL_TIME:
    case ICE_PARQUET_LOGICAL_TIMESTAMP: return time_type(in, at, type, factor);
    case ICE_PARQUET_LOGICAL_INTEGER:
      if (!at->is_signed && at->bit_width > 16) {
        return unsupported(in, at, "unsigned integers of more than 16 bits");
      }
      return physical_type(in, at, type);
    case ICE_PARQUET_LOGICAL_UUID:
      type->kind = ICE_KIND_UUID;
      return at->physical == ICE_PARQUET_FIXED_LEN_BYTE_ARRAY && at->type_length == 16
                 ? ICE_OK
                 : corrupt(in, at, "uuid of an impossible physical type");
    case ICE_PARQUET_LOGICAL_NONE:
    case ICE_PARQUET_LOGICAL_UNKNOWN: return physical_type(in, at, type);
    default: return unsupported(in, at, "logical type");
  }
}

static ice_status parse_field(parse *in, unsigned depth, ice_field *out);

static ice_status parse_leaf(parse *in, const element *at, ice_field *out) {
  if (at->child_count != 0 || at->physical < 0) {
    return corrupt(in, at, "neither a value nor a group");
  }
  bool sized = at->physical == ICE_PARQUET_FIXED_LEN_BYTE_ARRAY;
  if (sized && (at->type_length < 1 || at->type_length > TYPE_LENGTH_MAX)) {
    return corrupt(in, at, "length of the type");
  }
  raw_leaf *leaf = &in->leaves[in->leaf_count];
  ice_status status = leaf_type(in, at, &out->type, &leaf->time_factor);
  if (status != ICE_OK) {
    return status;
  }
  size_t path_size = in->path_count * sizeof *leaf->path;
  leaf->path = ice_arena_alloc(&in->arena, path_size, in->err);
  if (!leaf->path) {
    return in->err ? in->err->status : ICE_NO_MEMORY;
  }
  memcpy(leaf->path, in->path, path_size);
  leaf->path_count = in->path_count;
  leaf->physical = (ice_parquet_physical)at->physical;
  leaf->type_length = at->physical == ICE_PARQUET_FIXED_LEN_BYTE_ARRAY ? at->type_length : 0;
  in->leaf_count++;
  return ICE_OK;
}

static ice_status take_element(parse *in, element **out) {
  if (in->next >= in->element_count) {
    return ice_error_set(in->err, ICE_CORRUPT, "Parquet schema: fewer elements than its groups say");
  }
  *out = &in->elements[in->next++];
  convert_legacy(*out);
  return ICE_OK;
}

static ice_status parse_children(parse *in, const element *group, ice_type *type, unsigned depth) {
  if (group->child_count < 1 || (uint32_t)group->child_count > in->element_count - in->claimed) {
    return corrupt(in, group, "number of children");
  }
  in->claimed += (uint32_t)group->child_count;
  ice_status status = ice_type_set_fields(in->schema, type, (uint32_t)group->child_count, in->err);
  for (uint32_t i = 0; i < type->field_count && status == ICE_OK; i++) {
    status = parse_field(in, depth + 1, &type->fields[i]);
  }
  return status;
}

// LogicalTypes.md, "Lists", backward-compatibility rules: the repeated field is the element itself where it is no
// group, has several fields, or is named so by old writers.
static bool repeated_is_element(const element *list, const element *repeated) {
  if (repeated->physical >= 0 || repeated->child_count != 1) {
    return true;
  }
  return ice_str_equal_c(repeated->name, "array") ||
         (ice_str_ends_with(repeated->name, ICE_STR("_tuple")) && repeated->name.size == list->name.size + 6 &&
          ice_str_starts_with(repeated->name, list->name));
}

static ice_status parse_list(parse *in, const element *at, ice_type *type, unsigned depth) {
  ice_status status = ICE_OK;
  ice_error *err = in->err;
  type->kind = ICE_KIND_LIST;
  if (at->child_count != 1) {
    return corrupt(in, at, "list without exactly one child");
  }
  element *repeated = NULL;
  ICE_TRY(take_element(in, &repeated));
  if (repeated->repetition != ICE_PARQUET_REPEATED) {
    return corrupt(in, at, "list without a repeated child");
  }
  ICE_TRY(ice_type_set_fields(in->schema, type, 1, err));
  if (repeated_is_element(at, repeated)) {
    in->next--;
    repeated->repetition = ICE_PARQUET_REQUIRED;
    ICE_TRY(parse_field(in, depth + 1, &type->fields[0]));
  } else {
    in->path[in->path_count++] = repeated->name;
    ICE_TRY(parse_field(in, depth + 1, &type->fields[0]));
  }
  type->fields[0].name = ICE_STR("element");
done:
  return status;
}

static ice_status parse_map(parse *in, const element *at, ice_type *type, unsigned depth) {
  ice_status status = ICE_OK;
  ice_error *err = in->err;
  type->kind = ICE_KIND_MAP;
  if (at->child_count != 1) {
    return corrupt(in, at, "map without exactly one child");
  }
  element *repeated = NULL;
  ICE_TRY(take_element(in, &repeated));
  if (repeated->repetition != ICE_PARQUET_REPEATED || repeated->physical >= 0 || repeated->child_count != 2) {
    return unsupported(in, at, "map that is no repeated pair of key and value");
  }
  ICE_TRY(ice_type_set_fields(in->schema, type, 2, err));
  in->path[in->path_count++] = repeated->name;
  uint32_t path_count = in->path_count;
  for (uint32_t i = 0; i < 2; i++) {
    in->path_count = path_count;
    ICE_TRY(parse_field(in, depth + 1, &type->fields[i]));
  }
  if (!type->fields[0].required) {
    return unsupported(in, at, "map with optional keys");
  }
  type->fields[0].name = ICE_STR("key");
  type->fields[1].name = ICE_STR("value");
done:
  return status;
}

static ice_status parse_field(parse *in, unsigned depth, ice_field *out) {
  ice_status status = ICE_OK;
  uint32_t path_count = in->path_count;
  element *at = NULL;
  ICE_TRY(take_element(in, &at));
  if (depth > ICE_SCHEMA_DEPTH_MAX) {
    status = ice_error_set(in->err, ICE_LIMIT, "Parquet schema: more than %d nested groups", ICE_SCHEMA_DEPTH_MAX);
    goto done;
  }
  if (at->repetition == ICE_PARQUET_REPEATED) {
    status = unsupported(in, at, "repeated field outside a list or map");
    goto done;
  }
  if (at->repetition != ICE_PARQUET_REQUIRED && at->repetition != ICE_PARQUET_OPTIONAL) {
    status = corrupt(in, at, "repetition");
    goto done;
  }
  ICE_TRY(ice_arena_copy_str(&in->schema->arena, at->name, &out->name, in->err));
  out->id = at->field_id;
  out->required = at->repetition == ICE_PARQUET_REQUIRED;
  in->path[in->path_count++] = at->name;
  if (at->physical >= 0) {
    ICE_TRY(parse_leaf(in, at, out));
  } else if (at->logical == ICE_PARQUET_LOGICAL_LIST || at->converted == ICE_PARQUET_CONVERTED_LIST) {
    ICE_TRY(parse_list(in, at, &out->type, depth));
  } else if (at->logical == ICE_PARQUET_LOGICAL_MAP || at->converted == ICE_PARQUET_CONVERTED_MAP ||
             at->converted == ICE_PARQUET_MAP_KEY_VALUE) {
    ICE_TRY(parse_map(in, at, &out->type, depth));
  } else {
    out->type.kind = ICE_KIND_STRUCT;
    ICE_TRY(parse_children(in, at, &out->type, depth));
  }
done:
  in->path_count = path_count;
  return status;
}

// Put what the file says about its leaves over what the writer would have chosen.
static ice_status overlay(const parse *in, ice_parquet_layout *layout) {
  if (layout->leaf_count != in->leaf_count) {
    return ice_error_set(in->err, ICE_INTERNAL, "Parquet schema: %u leaves laid out of %u", layout->leaf_count,
                         in->leaf_count);
  }
  for (uint32_t i = 0; i < in->leaf_count; i++) {
    const raw_leaf *from = &in->leaves[i];
    ice_parquet_leaf *leaf = &layout->leaves[i];
    leaf->physical = from->physical;
    leaf->type_length = from->type_length;
    leaf->time_factor = from->time_factor;
    ice_parquet_leaf_set_width(leaf);
    leaf->path_count = from->path_count;
    leaf->path = ice_arena_alloc_array(&layout->arena, from->path_count, sizeof *leaf->path, in->err);
    if (!leaf->path) {
      return ICE_NO_MEMORY;
    }
    for (uint32_t k = 0; k < from->path_count; k++) {
      ice_status status = ice_arena_copy_str(&layout->arena, from->path[k], &leaf->path[k], in->err);
      if (status != ICE_OK) {
        return status;
      }
    }
  }
  return ICE_OK;
}

static ice_status read_elements(parse *in, ice_thrift_reader *reader, const ice_thrift_field *field) {
  ice_status status = ICE_OK;
  ice_error *err = in->err;
  in->element_count = ice_thrift_read_list(reader, field, ICE_THRIFT_STRUCT);
  if (in->element_count > ICE_PARQUET_ELEMENTS_MAX) {
    ICE_FAIL(ICE_LIMIT, "Parquet schema of %u elements, more than %d", in->element_count, ICE_PARQUET_ELEMENTS_MAX);
  }
  in->elements = ice_arena_alloc_array(&in->arena, in->element_count, sizeof *in->elements, err);
  in->leaves = in->elements ? ice_arena_alloc_array(&in->arena, in->element_count, sizeof *in->leaves, err) : NULL;
  if (!in->leaves) {
    status = ICE_NO_MEMORY;
    goto done;
  }
  for (uint32_t i = 0; i < in->element_count; i++) {
    read_element(reader, &in->elements[i]);
  }
  ICE_TRY(ice_thrift_reader_status(reader, "Parquet schema", err));
  if (in->element_count == 0) {
    ICE_FAIL(ICE_CORRUPT, "Parquet schema without elements");
  }
done:
  return status;
}

ice_status ice_parquet_schema_read(ice_thrift_reader *reader, const ice_thrift_field *field, ice_parquet_layout **out,
                                   ice_error *err) {
  *out = NULL;
  ice_status status = ICE_OK;
  ice_parquet_layout *layout = NULL;
  parse *in = calloc(1, sizeof *in);
  if (!in) {
    return ice_error_set(err, ICE_NO_MEMORY, "out of memory for a schema");
  }
  in->err = err;
  ice_arena_init(&in->arena, SIZE_MAX);
  ICE_TRY(read_elements(in, reader, field));
  ICE_TRY(ice_schema_create(&in->schema, err));
  in->schema->root.kind = ICE_KIND_STRUCT;
  in->next = 1;
  ICE_TRY(parse_children(in, &in->elements[0], &in->schema->root, 0));
  if (in->next != in->element_count) {
    ICE_FAIL(ICE_CORRUPT, "Parquet schema: more elements than its groups say");
  }
  status = ice_parquet_layout_create(in->schema, &layout, err);
  if (status == ICE_INVALID_ARGUMENT) {
    // Duplicate names or ids: valid thrift, but no schema to us.
    ice_error_prepend(err, "Parquet schema");
    status = ICE_UNSUPPORTED;
    if (err) {
      err->status = status;
    }
  }
  ICE_TRY(status);
  ICE_TRY(overlay(in, layout));
  *out = layout;
  layout = NULL;
done:
  ice_parquet_layout_unref(layout);
  ice_schema_unref(in->schema);
  ice_arena_deinit(&in->arena);
  free(in);
  return status;
}
