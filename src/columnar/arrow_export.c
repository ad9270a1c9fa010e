#include "columnar/arrow.h"

#include <stdio.h>
#include <stdlib.h>

enum { FORMAT_MAX = 32, METADATA_MAX = 256, BUFFERS_MAX = 3 };

// What a buffer of no bytes points to, so that no consumer meets a NULL where it looks for offsets.
static const uint64_t no_bytes[8] = {0};

// Schemas -----------------------------------------------------------------------------------------------------------

/// What one exported ArrowSchema owns. Its children may be moved away one by one, so each owns its own.
typedef struct exported_schema {
  char format[FORMAT_MAX];
  char metadata[METADATA_MAX];
  char *name;
  struct ArrowSchema *children;
  struct ArrowSchema **pointers;
} exported_schema;

static void release_schema(struct ArrowSchema *schema) {
  exported_schema *own = schema->private_data;
  for (int64_t i = 0; i < schema->n_children; i++) {
    if (own->children[i].release) {
      own->children[i].release(&own->children[i]);
    }
  }
  free(own->children);
  free(own->pointers);
  free(own->name);
  free(own);
  schema->release = NULL;
}

static void put_format(const ice_type *type, char out[FORMAT_MAX]) {
  const char *text = "";
  switch (type->kind) {
    case ICE_KIND_BOOLEAN: text = "b"; break;
    case ICE_KIND_INT: text = "i"; break;
    case ICE_KIND_LONG: text = "l"; break;
    case ICE_KIND_FLOAT: text = "f"; break;
    case ICE_KIND_DOUBLE: text = "g"; break;
    case ICE_KIND_DECIMAL: snprintf(out, FORMAT_MAX, "d:%d,%d", type->precision, type->scale); return;
    case ICE_KIND_DATE: text = "tdD"; break;
    case ICE_KIND_TIME: text = "ttu"; break;
    case ICE_KIND_TIMESTAMP: text = "tsu:"; break;
    case ICE_KIND_TIMESTAMPTZ: text = "tsu:UTC"; break;
    case ICE_KIND_STRING: text = "u"; break;
    case ICE_KIND_UUID: text = "w:16"; break;
    case ICE_KIND_FIXED: snprintf(out, FORMAT_MAX, "w:%d", type->size); return;
    case ICE_KIND_BINARY: text = "z"; break;
    case ICE_KIND_STRUCT: text = "+s"; break;
    case ICE_KIND_LIST: text = "+l"; break;
    case ICE_KIND_MAP: text = "+m"; break;
  }
  snprintf(out, FORMAT_MAX, "%s", text);
}

// Appends a length in the machine's own order, and the text (C data interface, "metadata").
static size_t put_text(char *out, const char *text) {
  int32_t size = (int32_t)strlen(text);
  memcpy(out, &size, sizeof size);
  memcpy(out + sizeof size, text, (size_t)size);
  return sizeof size + (size_t)size;
}

static const char *put_metadata(const ice_type *type, int32_t id, char out[METADATA_MAX]) {
  int32_t count = (id != 0) + 2 * (type->kind == ICE_KIND_UUID);
  size_t at = sizeof count;
  memcpy(out, &count, sizeof count);
  if (id != 0) {
    char text[16];
    snprintf(text, sizeof text, "%d", id);
    at += put_text(out + at, "PARQUET:field_id");
    at += put_text(out + at, text);
  }
  if (type->kind == ICE_KIND_UUID) {
    at += put_text(out + at, "ARROW:extension:name");
    at += put_text(out + at, "arrow.uuid");
    at += put_text(out + at, "ARROW:extension:metadata");
    put_text(out + at, "");
  }
  return count == 0 ? NULL : out;
}

static ice_status begin_schema(const ice_type *type, ice_str name, int32_t id, bool nullable, uint32_t child_count,
                               struct ArrowSchema *out, ice_error *err) {
  exported_schema *own = calloc(1, sizeof *own);
  *out = (struct ArrowSchema){0};
  if (!own) {
    return ice_error_set(err, ICE_NO_MEMORY, "out of memory for an Arrow schema");
  }
  own->name = strndup(name.data ? name.data : "", name.size);
  own->children = calloc((size_t)child_count + 1, sizeof *own->children);
  own->pointers = calloc((size_t)child_count + 1, sizeof(struct ArrowSchema *));
  put_format(type, own->format);
  *out = (struct ArrowSchema){.format = own->format,
                              .name = own->name,
                              .metadata = put_metadata(type, id, own->metadata),
                              .flags = nullable ? ARROW_FLAG_NULLABLE : 0,
                              .children = own->pointers,
                              .release = release_schema,
                              .private_data = own};
  if (!own->name || !own->children || !own->pointers) {
    release_schema(out);
    return ice_error_set(err, ICE_NO_MEMORY, "out of memory for an Arrow schema");
  }
  for (uint32_t i = 0; i < child_count; i++) {
    own->pointers[i] = &own->children[i];
  }
  // Children that are not made yet have no release and are passed over by it.
  out->n_children = child_count;
  return ICE_OK;
}

static ice_status export_field(const ice_field *field, struct ArrowSchema *out, ice_error *err);

static ice_status export_fields(const ice_type *type, struct ArrowSchema *out, ice_error *err) {
  for (uint32_t i = 0; i < type->field_count; i++) {
    ice_status status = export_field(&type->fields[i], out->children[i], err);
    if (status != ICE_OK) {
      return status;
    }
  }
  return ICE_OK;
}

// Arrow's map holds a struct of key and value, which is no field of its own here.
static ice_status export_entries(const ice_type *map, struct ArrowSchema *out, ice_error *err) {
  static const ice_type entries = {.kind = ICE_KIND_STRUCT};
  ice_status status = begin_schema(&entries, ICE_STR("entries"), 0, false, map->field_count, out, err);
  return status == ICE_OK ? export_fields(map, out, err) : status;
}

static ice_status export_field(const ice_field *field, struct ArrowSchema *out, ice_error *err) {
  bool is_map = field->type.kind == ICE_KIND_MAP;
  ice_status status = begin_schema(&field->type, field->name, field->id, !field->required,
                                   is_map ? 1 : field->type.field_count, out, err);
  if (status != ICE_OK) {
    return status;
  }
  return is_map ? export_entries(&field->type, out->children[0], err) : export_fields(&field->type, out, err);
}

ice_status ice_arrow_export_schema(const ice_schema *schema, struct ArrowSchema *out, ice_error *err) {
  const ice_field root = {.required = true, .type = schema->root};
  ice_status status = export_field(&root, out, err);
  if (status != ICE_OK && out->release) {
    out->release(out);
  }
  return status;
}

// Arrays ------------------------------------------------------------------------------------------------------------

/// What one exported ArrowArray owns; its children may be moved away one by one.
typedef struct exported_array {
  void *memory[BUFFERS_MAX];
  const void *buffers[BUFFERS_MAX];
  struct ArrowArray *children;
  struct ArrowArray **pointers;
} exported_array;

static void release_array(struct ArrowArray *array) {
  exported_array *own = array->private_data;
  for (int64_t i = 0; i < array->n_children; i++) {
    if (own->children[i].release) {
      own->children[i].release(&own->children[i]);
    }
  }
  for (size_t i = 0; i < BUFFERS_MAX; i++) {
    free(own->memory[i]);
  }
  free(own->children);
  free(own->pointers);
  free(own);
  array->release = NULL;
}

static ice_status begin_array(int64_t length, int64_t null_count, uint32_t child_count, struct ArrowArray *out,
                              ice_error *err) {
  exported_array *own = calloc(1, sizeof *own);
  *out = (struct ArrowArray){0};
  if (!own) {
    return ice_error_set(err, ICE_NO_MEMORY, "out of memory for an Arrow array");
  }
  own->children = calloc((size_t)child_count + 1, sizeof *own->children);
  own->pointers = calloc((size_t)child_count + 1, sizeof(struct ArrowArray *));
  *out = (struct ArrowArray){.length = length,
                             .null_count = null_count,
                             .n_buffers = 1,
                             .buffers = own->buffers,
                             .children = own->pointers,
                             .release = release_array,
                             .private_data = own};
  if (!own->children || !own->pointers) {
    release_array(out);
    return ice_error_set(err, ICE_NO_MEMORY, "out of memory for an Arrow array");
  }
  for (uint32_t i = 0; i < child_count; i++) {
    own->pointers[i] = &own->children[i];
  }
  out->n_children = child_count;
  return ICE_OK;
}

static void move_buffer(ice_bytes *bytes, struct ArrowArray *out, size_t index) {
  exported_array *own = out->private_data;
  own->memory[index] = bytes->data;
  own->buffers[index] = bytes->size == 0 ? (const void *)no_bytes : bytes->data;
  ice_bytes_init(bytes, bytes->size_max);
}

static void move_buffers(ice_column *column, struct ArrowArray *out) {
  if (column->null_count != 0) {
    move_buffer(&column->validity, out, 0);
  }
  bool has_values = !ice_kind_nested(column->kind);
  bool has_offsets = column->kind == ICE_KIND_STRING || column->kind == ICE_KIND_BINARY ||
                     column->kind == ICE_KIND_LIST || column->kind == ICE_KIND_MAP;
  if (has_offsets) {
    move_buffer(&column->offsets, out, (size_t)out->n_buffers++);
  }
  if (has_values) {
    move_buffer(&column->values, out, (size_t)out->n_buffers++);
  }
}

static ice_status export_column(ice_column *column, struct ArrowArray *out, ice_error *err) {
  bool is_map = column->kind == ICE_KIND_MAP;
  struct ArrowArray *parent = out;
  ice_status status = ICE_OK;
  ICE_TRY(begin_array(column->length, column->null_count, is_map ? 1 : column->child_count, out, err));
  move_buffers(column, out);
  if (is_map) {
    parent = out->children[0];
    ICE_TRY(begin_array(column->children[0].length, 0, column->child_count, parent, err));
  }
  for (uint32_t i = 0; i < column->child_count; i++) {
    ICE_TRY(export_column(&column->children[i], parent->children[i], err));
  }
done:
  return status;
}

ice_status ice_arrow_export_batch(ice_batch *batch, struct ArrowArray *out, ice_error *err) {
  ice_status status = begin_array(batch->row_count, 0, batch->column_count, out, err);
  for (uint32_t i = 0; status == ICE_OK && i < batch->column_count; i++) {
    status = export_column(&batch->columns[i], out->children[i], err);
  }
  if (status != ICE_OK && out->release) {
    out->release(out);
  }
  ice_batch_deinit(batch);
  return status;
}
