#include "base/utf8.h"
#include "columnar/arrow.h"
#include "columnar/arrow_format_priv.h"
#include <stdlib.h>

enum { METADATA_ENTRIES_MAX = 1000, METADATA_TEXT_MAX = 1 << 20, NUMBER_DIGITS_MAX = 9 };

// Schemas -----------------------------------------------------------------------------------------------------------

/// What the metadata of a field says that matters here.
typedef struct field_metadata {
  int32_t id;
  bool is_uuid;
} field_metadata;

// "12" as the whole of `text`, up to nine digits.
static bool parse_number(ice_str text, int32_t *out) {
  int32_t value = 0;
  if (text.size == 0 || text.size > NUMBER_DIGITS_MAX) {
    return false;
  }
  for (size_t i = 0; i < text.size; i++) {
    if (text.data[i] < '0' || text.data[i] > '9') {
      return false;
    }
    value = value * 10 + (text.data[i] - '0');
  }
  *out = value;
  return true;
}

static bool take_text(const char **at, ice_str *out) {
  int32_t size;
  memcpy(&size, *at, sizeof size);
  *at += sizeof size;
  if (size < 0 || size > METADATA_TEXT_MAX) {
    return false;
  }
  *out = ice_str_make(*at, (size_t)size);
  *at += size;
  return true;
}

// The interface gives no total size, so only counts and lengths that nobody writes can be refused.
static ice_status read_metadata(const struct ArrowSchema *schema, field_metadata *out, ice_error *err) {
  *out = (field_metadata){0};
  if (!schema->metadata) {
    return ICE_OK;
  }
  const char *at = schema->metadata;
  int32_t count;
  memcpy(&count, at, sizeof count);
  at += sizeof count;
  bool valid = count >= 0 && count <= METADATA_ENTRIES_MAX;
  for (int32_t i = 0; valid && i < count; i++) {
    ice_str key = {0};
    ice_str value = {0};
    valid = take_text(&at, &key) && take_text(&at, &value);
    if (valid && ice_str_equal_c(key, "PARQUET:field_id")) {
      valid = parse_number(value, &out->id);
    }
    out->is_uuid = out->is_uuid ||
                   (valid && ice_str_equal_c(key, "ARROW:extension:name") && ice_str_equal_c(value, "arrow.uuid"));
  }
  return valid ? ICE_OK
               : ice_error_set(err, ICE_INVALID_ARGUMENT, "Arrow column \"%s\": its metadata is damaged",
                               schema->name ? schema->name : "");
}

static ice_status unsupported(const struct ArrowSchema *schema, ice_error *err) {
  return ice_error_set(err, ICE_UNSUPPORTED, "Arrow column \"%s\" has format \"%s\"%s, which is not supported",
                       schema->name ? schema->name : "", schema->format ? schema->format : "",
                       schema->dictionary ? " with a dictionary" : "");
}

static bool parse_decimal(ice_str format, ice_type *out) {
  const char *comma = memchr(format.data, ',', format.size);
  if (!comma) {
    return false;
  }
  ice_str precision = ice_str_make(format.data + 2, (size_t)(comma - format.data) - 2);
  ice_str scale = ice_str_make(comma + 1, format.size - (size_t)(comma - format.data) - 1);
  const char *width = memchr(scale.data, ',', scale.size);
  if (width && !ice_str_equal_c(ice_str_make(width, scale.size - (size_t)(width - scale.data)), ",128")) {
    return false;
  }
  scale.size = width ? (size_t)(width - scale.data) : scale.size;
  out->kind = ICE_KIND_DECIMAL;
  return parse_number(precision, &out->precision) && parse_number(scale, &out->scale);
}

static bool parse_format(ice_str format, bool is_uuid, ice_type *out) {
  *out = (ice_type){0};
  const ice_arrow_format *known = ice_arrow_format_find(format);
  if (known) {
    bool zoned = known->kind == ICE_KIND_TIMESTAMP && format.size > strlen(known->text);
    out->kind = zoned ? ICE_KIND_TIMESTAMPTZ : known->kind;
    return true;
  }
  if (ice_str_starts_with(format, ICE_STR("w:"))) {
    bool valid = parse_number(ice_str_make(format.data + 2, format.size - 2), &out->size);
    out->kind = ICE_KIND_FIXED;
    if (valid && is_uuid && out->size == 16) {
      *out = (ice_type){.kind = ICE_KIND_UUID};
    }
    return valid;
  }
  return ice_str_starts_with(format, ICE_STR("d:")) && parse_decimal(format, out);
}

static bool is_index(const char *format) {
  return format && format[0] != '\0' && !format[1] && strchr("cCsSiIlL", format[0]);
}

static ice_status import_field(ice_schema *schema, const struct ArrowSchema *from, ice_field *out, int depth,
                               ice_error *err);

static ice_status check_children(const struct ArrowSchema *from, int64_t expected, ice_error *err) {
  bool valid = expected < 0 ? from->n_children >= 0 && from->n_children <= ICE_SCHEMA_FIELDS_MAX
                            : from->n_children == expected;
  for (int64_t i = 0; valid && i < from->n_children; i++) {
    valid = from->children && from->children[i] && from->children[i]->release;
  }
  return valid ? ICE_OK
               : ice_error_set(err, ICE_INVALID_ARGUMENT, "Arrow column \"%s\" of format \"%s\" has %lld children",
                               from->name ? from->name : "", from->format, (long long)from->n_children);
}

static ice_status import_children(ice_schema *schema, const struct ArrowSchema *from, ice_type *type, int depth,
                                  ice_error *err) {
  ice_status status = ICE_OK;
  const struct ArrowSchema *parent = from;
  ICE_TRY(check_children(from, type->kind == ICE_KIND_STRUCT ? -1 : ice_kind_nested(type->kind), err));
  if (type->kind == ICE_KIND_MAP) {
    parent = from->children[0];
    if (!parent->format || strcmp(parent->format, "+s") != 0) {
      status = unsupported(from, err);
      goto done;
    }
    ICE_TRY(check_children(parent, 2, err));
  }
  if (parent->n_children > 0) {
    ICE_TRY(ice_type_set_fields(schema, type, (uint32_t)parent->n_children, err));
  }
  for (uint32_t i = 0; i < type->field_count; i++) {
    ICE_TRY(import_field(schema, parent->children[i], &type->fields[i], depth + 1, err));
  }
  if (type->kind == ICE_KIND_LIST) {
    type->fields[0].name = ICE_STR("element");
  } else if (type->kind == ICE_KIND_MAP) {
    type->fields[0].name = ICE_STR("key");
    type->fields[0].required = true;
    type->fields[1].name = ICE_STR("value");
  }
done:
  return status;
}

static ice_status import_field(ice_schema *schema, const struct ArrowSchema *from, ice_field *out, int depth,
                               ice_error *err) {
  field_metadata metadata;
  ice_status status = ICE_OK;
  *out = (ice_field){.required = (from->flags & ARROW_FLAG_NULLABLE) == 0};
  if (depth > ICE_SCHEMA_DEPTH_MAX) {
    ICE_FAIL(ICE_LIMIT, "Arrow columns nest deeper than %d", (int)ICE_SCHEMA_DEPTH_MAX);
  }
  ICE_TRY(read_metadata(from, &metadata, err));
  // Of a dictionary's column the format is that of its indexes; the values are flat.
  const struct ArrowSchema *values = from->dictionary ? from->dictionary : from;
  bool flat = !from->dictionary || (values->n_children == 0 && !values->dictionary && is_index(from->format));
  if (!flat || !parse_format(ice_str_of(values->format), metadata.is_uuid, &out->type)) {
    status = unsupported(from, err);
    goto done;
  }
  out->id = metadata.id;
  ICE_TRY(ice_arena_copy_str(&schema->arena, ice_str_of(from->name), &out->name, err));
  ICE_TRY(import_children(schema, values, &out->type, depth, err));
done:
  return status;
}

ice_status ice_arrow_import_schema(const struct ArrowSchema *schema, ice_schema **out, ice_error *err) {
  *out = NULL;
  ice_schema *made = NULL;
  ice_field root;
  ice_status status = ICE_OK;
  if (!schema->release || !schema->format || strcmp(schema->format, "+s") != 0) {
    ICE_FAIL(ICE_INVALID_ARGUMENT, "an Arrow schema of a table must be a struct");
  }
  ICE_TRY(ice_schema_create(&made, err));
  ICE_TRY(import_field(made, schema, &root, 0, err));
  made->root = root.type;
  ICE_TRY(ice_schema_validate(made, err));
  *out = made;
  made = NULL;
done:
  ice_schema_unref(made);
  return status;
}

// Arrays ------------------------------------------------------------------------------------------------------------

/// Where an array is on its way in: for messages, and for what a field requires.
typedef struct place {
  ice_str column;  ///< top-level
  const ice_field *field;
  const struct ArrowSchema *schema;  ///< of the array
  ice_error *err;
} place;

static ice_status fail_at(const place *at, const char *what) {
  return ice_error_set(at->err, ICE_INVALID_ARGUMENT, "Arrow column \"%.*s\": %s", ICE_STR_ARG(at->column), what);
}

static ice_arrow_layout layout_of(const place *at) { return ice_arrow_layout_of(ice_str_of(at->schema->format)); }

// Buffers of a layout; views have one more for each block of text.
static bool has_buffers(const struct ArrowArray *array, ice_arrow_layout layout) {
  static const int64_t counts[] = {[ICE_ARROW_FIXED] = 2,      [ICE_ARROW_BITS] = 2,
                                   [ICE_ARROW_TEXT] = 3,       [ICE_ARROW_LARGE_TEXT] = 3,
                                   [ICE_ARROW_VIEWS] = 3,      [ICE_ARROW_STRUCT] = 1,
                                   [ICE_ARROW_LIST] = 2,       [ICE_ARROW_LARGE_LIST] = 2,
                                   [ICE_ARROW_LIST_VIEWS] = 3, [ICE_ARROW_LARGE_LIST_VIEWS] = 3};
  return layout == ICE_ARROW_VIEWS ? array->n_buffers >= counts[layout] : array->n_buffers == counts[layout];
}

// Everything that the copy relies on but what only the values tell: sizes, buffers that are there, children long enough.
static ice_status check_array(const place *at, const struct ArrowArray *array) {
  int64_t end;
  if (!array || !array->release) {
    return fail_at(at, "an array is released already");
  }
  ice_arrow_layout layout = layout_of(at);
  if (!has_buffers(array, layout) || array->n_children != at->schema->n_children || !array->buffers ||
      (array->n_children > 0 && !array->children) || !array->dictionary != !at->schema->dictionary) {
    return fail_at(at, "buffers or children are not those of its format");
  }
  if (array->length < 0 || array->offset < 0 || !ice_add_i64(array->length, array->offset, &end) ||
      end > INT32_MAX - 1) {
    return fail_at(at, "length or offset is out of range");
  }
  if (array->null_count > 0 && !array->buffers[0]) {
    return fail_at(at, "it counts nulls and has no validity bitmap");
  }
  // The last buffer of views has their blocks' sizes; lists and texts have their values elsewhere.
  int64_t needed = layout == ICE_ARROW_STRUCT ? 0 : layout >= ICE_ARROW_LIST_VIEWS ? 2 : 1;
  for (int64_t i = 1; i <= needed; i++) {
    if (array->length > 0 && !array->buffers[i]) {
      return fail_at(at, "a buffer is missing");
    }
  }
  return ICE_OK;
}

static bool is_valid(const struct ArrowArray *array, int64_t index) {
  return !array->buffers[0] || ice_bit_get(array->buffers[0], array->offset + index);
}

static const uint8_t *slot(const struct ArrowArray *array, int64_t buffer, int64_t index, size_t width) {
  return (const uint8_t *)array->buffers[buffer] + (size_t)(array->offset + index) * width;
}

static int64_t load_i32(const uint8_t *at) {
  int32_t value;
  memcpy(&value, at, sizeof value);
  return value;
}

static int64_t load_i64(const uint8_t *at) {
  int64_t value;
  memcpy(&value, at, sizeof value);
  return value;
}

// Where value `index` of text or a list stands among its bytes or items: [from, to).
static bool read_span(const struct ArrowArray *array, ice_arrow_layout layout, int64_t index, int64_t *from,
                      int64_t *to) {
  bool large =
      layout == ICE_ARROW_LARGE_TEXT || layout == ICE_ARROW_LARGE_LIST || layout == ICE_ARROW_LARGE_LIST_VIEWS;
  size_t width = large ? 8 : 4;
  const uint8_t *at = slot(array, 1, index, width);
  *from = large ? load_i64(at) : load_i32(at);
  if (layout >= ICE_ARROW_LIST_VIEWS) {
    const uint8_t *size_at = slot(array, 2, index, width);
    int64_t size = large ? load_i64(size_at) : load_i32(size_at);
    return size >= 0 && ice_add_i64(*from, size, to) && *from >= 0;
  }
  *to = large ? load_i64(at + 8) : load_i32(at + 4);
  return *from >= 0 && *to >= *from;
}

static ice_status copy_range(const place *at, const struct ArrowArray *array, int64_t from, int64_t to,
                             ice_column *out);

// Text that stands in the view itself, or in one of the blocks behind it.
static ice_status view_text(const place *at, const struct ArrowArray *array, int64_t index, ice_str *out) {
  enum { VIEW_SIZE = 16, INLINE_MAX = 12 };
  const uint8_t *view = slot(array, 1, index, VIEW_SIZE);
  int64_t size = load_i32(view);
  if (size >= 0 && size <= INLINE_MAX) {
    *out = ice_str_make((const char *)view + 4, (size_t)size);
    return ICE_OK;
  }
  int64_t block = load_i32(view + 8);
  int64_t offset = load_i32(view + 12);
  int64_t block_count = array->n_buffers - 3;
  const uint8_t *sizes = array->buffers[array->n_buffers - 1];
  if (size < 0 || block < 0 || block >= block_count || offset < 0 || !sizes || !array->buffers[2 + block] ||
      offset + size > load_i64(sizes + (size_t)block * 8)) {
    return fail_at(at, "a view points beyond its blocks");
  }
  *out = ice_str_make((const char *)array->buffers[2 + block] + offset, (size_t)size);
  return ICE_OK;
}

static ice_status copy_text(const place *at, const struct ArrowArray *array, ice_arrow_layout layout, int64_t index,
                            ice_column *out) {
  ice_str text = ICE_STR("");
  int64_t from;
  int64_t to;
  if (layout == ICE_ARROW_VIEWS) {
    ice_status status = view_text(at, array, index, &text);
    if (status != ICE_OK) {
      return status;
    }
  } else if (!read_span(array, layout, index, &from, &to)) {
    return fail_at(at, "offsets go back, or beyond the values");
  } else if (to > from) {
    if (!array->buffers[2]) {
      return fail_at(at, "a buffer is missing");
    }
    text = ice_str_make((const char *)array->buffers[2] + from, (size_t)(to - from));
  }
  if (out->kind == ICE_KIND_STRING && !ice_utf8_valid(text.data, text.size)) {
    return fail_at(at, "a text is no UTF-8");
  }
  return ice_column_append_text(out, text, at->err);
}

// A struct's children are read through its own offset as well.
static ice_status copy_children(const place *at, const struct ArrowArray *parent, const struct ArrowSchema *schema,
                                int64_t from, int64_t to, ice_column *out) {
  ice_status status = ICE_OK;
  for (uint32_t i = 0; i < out->child_count; i++) {
    const place below = {
        .column = at->column, .field = &out->type->fields[i], .schema = schema->children[i], .err = at->err};
    const struct ArrowArray *child = parent->children[i];
    if (child && child->length < parent->offset + to) {
      status = fail_at(at, "a child array is too short");
      goto done;
    }
    ICE_TRY(copy_range(&below, child, parent->offset + from, parent->offset + to, &out->children[i]));
  }
done:
  return status;
}

static ice_status copy_items(const place *at, const struct ArrowArray *array, ice_arrow_layout layout, int64_t index,
                             ice_column *out) {
  const struct ArrowArray *items = array->children[0];
  const place below = {
      .column = at->column, .field = &out->type->fields[0], .schema = at->schema->children[0], .err = at->err};
  int64_t from;
  int64_t to;
  ice_status status = ICE_OK;
  if (!read_span(array, layout, index, &from, &to) || to > items->length) {
    return fail_at(at, "offsets go back, or beyond the values");
  }
  if (out->kind == ICE_KIND_LIST) {
    ICE_TRY(copy_range(&below, items, from, to, &out->children[0]));
  } else {
    for (int64_t i = from; i < to; i++) {
      if (!is_valid(items, i)) {
        status = fail_at(at, "a map has a null entry");
        goto done;
      }
    }
    ICE_TRY(copy_children(at, items, below.schema, from, to, out));
  }
  status = ice_column_append_list_end(out, at->err);
done:
  return status;
}

// Whole numbers, dates and times of whatever width and unit.
static ice_status copy_number(const place *at, const ice_arrow_format *format, const uint8_t *from, ice_column *out) {
  int64_t value;
  if (!ice_arrow_format_number(format, from, &value)) {
    return fail_at(at, "a value is out of range, or finer than the table's column");
  }
  int32_t narrow = (int32_t)value;
  if (out->width == sizeof narrow) {
    return narrow == value ? ice_column_append_fixed(out, &narrow, at->err)
                           : fail_at(at, "a value is out of range, or finer than the table's column");
  }
  return ice_column_append_fixed(out, &value, at->err);
}

static ice_status copy_valid(const place *at, const struct ArrowArray *array, ice_arrow_layout layout,
                             const ice_arrow_format *format, int64_t index, ice_column *out) {
  switch (layout) {
    case ICE_ARROW_BITS:
      return ice_column_append_boolean(out, ice_bit_get(array->buffers[1], array->offset + index), at->err);
    case ICE_ARROW_TEXT:
    case ICE_ARROW_LARGE_TEXT:
    case ICE_ARROW_VIEWS: return copy_text(at, array, layout, index, out);
    case ICE_ARROW_LIST:
    case ICE_ARROW_LARGE_LIST:
    case ICE_ARROW_LIST_VIEWS:
    case ICE_ARROW_LARGE_LIST_VIEWS: return copy_items(at, array, layout, index, out);
    case ICE_ARROW_STRUCT: {
      ice_status status = copy_children(at, array, at->schema, index, index + 1, out);
      return status == ICE_OK ? ice_column_append_struct_end(out, at->err) : status;
    }
    case ICE_ARROW_FIXED: break;
  }
  return format && format->converts ? copy_number(at, format, slot(array, 1, index, format->width), out)
                                    : ice_column_append_fixed(out, slot(array, 1, index, out->width), at->err);
}

static ice_status copy_null(const place *at, ice_column *out) {
  return at->field->required ? fail_at(at, "a required value is null") : ice_column_append_null(out, at->err);
}

// The values that indexes point to.
static ice_status copy_from_dictionary(const place *at, const struct ArrowArray *array, int64_t from, int64_t to,
                                       ice_column *out) {
  const ice_arrow_format *format = ice_arrow_format_find(ice_str_of(at->schema->format));
  const struct ArrowArray *values = array->dictionary;
  place below = *at;
  below.schema = at->schema->dictionary;
  ice_status status = ICE_OK;
  ICE_TRY(check_array(&below, values));
  for (int64_t i = from; i < to; i++) {
    int64_t index = 0;
    if (!is_valid(array, i)) {
      ICE_TRY(copy_null(at, out));
      continue;
    }
    if (!ice_arrow_format_number(format, slot(array, 1, i, format->width), &index) || index < 0 ||
        index >= values->length) {
      status = fail_at(at, "an index points beyond its dictionary");
      goto done;
    }
    ICE_TRY(copy_range(&below, values, index, index + 1, out));
  }
done:
  return status;
}

// `array` is what stands at `at`; [from, to) are its rows without its own offset.
static ice_status copy_range(const place *at, const struct ArrowArray *array, int64_t from, int64_t to,
                             ice_column *out) {
  ice_status status = ICE_OK;
  ICE_TRY(check_array(at, array));
  if (from < 0 || to > array->length) {
    status = fail_at(at, "a child array is too short");
    goto done;
  }
  if (at->schema->dictionary) {
    status = copy_from_dictionary(at, array, from, to, out);
    goto done;
  }
  ice_arrow_layout layout = layout_of(at);
  const ice_arrow_format *format = ice_arrow_format_find(ice_str_of(at->schema->format));
  if (layout >= ICE_ARROW_LIST) {
    place items = *at;
    items.schema = at->schema->children[0];
    ICE_TRY(check_array(&items, array->children[0]));
  }
  for (int64_t i = from; i < to; i++) {
    ICE_TRY(is_valid(array, i) ? copy_valid(at, array, layout, format, i, out) : copy_null(at, out));
  }
done:
  return status;
}

static ice_status append_nulls(ice_column *column, int64_t count, ice_error *err) {
  ice_status status = ICE_OK;
  for (int64_t i = 0; status == ICE_OK && i < count; i++) {
    status = ice_column_append_null(column, err);
  }
  return status;
}

static ice_status import_column(const struct ArrowArray *array, const struct ArrowSchema *array_schema,
                                const ice_schema *from, const ice_field *field, ice_column *out, ice_error *err) {
  place at = {.column = field->name, .field = field, .err = err};
  const ice_field *given = ice_schema_find_name(from, field->name);
  if (!given) {
    return field->required ? fail_at(&at, "it is required and not there") : append_nulls(out, array->length, err);
  }
  if (!ice_type_same_shape(&given->type, &field->type)) {
    return ice_error_set(err, ICE_INVALID_ARGUMENT, "Arrow column \"%.*s\" is %s, another %s is wanted",
                         ICE_STR_ARG(field->name), ice_kind_name(given->type.kind), ice_kind_name(field->type.kind));
  }
  const struct ArrowArray *child = array->children[given - from->root.fields];
  at.schema = array_schema->children[given - from->root.fields];
  if (child && child->length < array->offset + array->length) {
    return fail_at(&at, "it has fewer rows than the batch");
  }
  return copy_range(&at, child, array->offset, array->offset + array->length, out);
}

static ice_status import_rows(const struct ArrowArray *array, const struct ArrowSchema *array_schema,
                              const ice_schema *from, const ice_schema *schema, ice_batch *out, ice_error *err) {
  const place top = {.column = ICE_STR("batch"), .schema = array_schema, .err = err};
  ice_status status = ICE_OK;
  ICE_TRY(check_array(&top, array));
  for (int64_t i = 0; i < array->length; i++) {
    if (!is_valid(array, i)) {
      status = fail_at(&top, "a row is null as a whole");
      goto done;
    }
  }
  for (uint32_t i = 0; i < from->root.field_count; i++) {
    if (!ice_schema_find_name(schema, from->root.fields[i].name)) {
      ICE_FAIL(ICE_INVALID_ARGUMENT, "Arrow column \"%.*s\" is no column of the table",
               ICE_STR_ARG(from->root.fields[i].name));
    }
  }
  ICE_TRY(ice_batch_init(out, schema, err));
  for (uint32_t i = 0; i < out->column_count; i++) {
    ICE_TRY(import_column(array, array_schema, from, &schema->root.fields[i], &out->columns[i], err));
  }
  out->row_count = array->length;
done:
  return status;
}

ice_status ice_arrow_import_batch(struct ArrowArray *array, const struct ArrowSchema *array_schema,
                                  const ice_schema *schema, ice_batch *out, ice_error *err) {
  // Moving is copying the structure and marking the old one as released.
  struct ArrowArray own = *array;
  array->release = NULL;
  *out = (ice_batch){0};
  ice_schema *from = NULL;
  ice_status status = ICE_OK;
  ICE_TRY(ice_arrow_import_schema(array_schema, &from, err));
  ICE_TRY(import_rows(&own, array_schema, from, schema, out, err));
done:
  if (status != ICE_OK) {
    ice_batch_deinit(out);
  }
  ice_schema_unref(from);
  if (own.release) {
    own.release(&own);
  }
  return status;
}
