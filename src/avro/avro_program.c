// Compiling: a writer's schema against the columns that are wanted, into bodies of operations.
#include "avro/avro_program_priv.h"

#include "base/arena.h"
#include "base/map.h"
#include <stdio.h>
#include <stdlib.h>

typedef struct compiler {
  program *out;
  ice_arena *arena;
  ice_error *err;
  /// Records that are skipped: type address → call number + 1, so that a record may contain itself.
  ice_map calls;
  int depth;
} compiler;

/// Where a value goes.
typedef struct target {
  const ice_type *type;
  bool optional;
  uint32_t column;
} target;

static ice_status compile_skip(compiler *run, const ice_avro_type *writer, op_list *body);
static ice_status compile_value(compiler *run, const ice_avro_type *writer, const ice_avro_type *reader, target to,
                                op_list *body);
static ice_status compile_fields(compiler *run, const ice_avro_type *writer, const ice_avro_type *reader,
                                 const ice_type *type, bool by_position, op_list *body);

void ice_avro_program_deinit(program *run) {
  free(run->ops.data);
  free(run->tables.data);
  free(run->calls.data);
  free(run->symbols);
  ice_bytes_deinit(&run->constants);
  *run = (program){0};
}

static ice_status grow_array(void **data, uint32_t *capacity, uint32_t needed, size_t element_size, ice_error *err) {
  if (needed <= *capacity) {
    return ICE_OK;
  }
  if (needed > PROGRAM_OPS_MAX) {
    return ice_error_set(err, ICE_LIMIT, "Avro schema needs a program of more than %d steps", (int)PROGRAM_OPS_MAX);
  }
  uint32_t larger = *capacity < 8 ? 16 : *capacity * 2;
  larger = larger < needed ? needed : larger;
  void *grown = realloc(*data, larger * element_size);
  if (!grown) {
    return ice_error_set(err, ICE_NO_MEMORY, "out of memory for an Avro program");
  }
  *data = grown;
  *capacity = larger;
  return ICE_OK;
}

static ice_status grow_ops(op_list *list, uint32_t extra, ice_error *err) {
  void *data = list->data;
  ice_status status = grow_array(&data, &list->capacity, list->count + extra, sizeof *list->data, err);
  list->data = data;
  return status;
}

static ice_status emit(compiler *run, op_list *body, op step) {
  ice_status status = grow_ops(body, 1, run->err);
  if (status == ICE_OK) {
    body->data[body->count++] = step;
  }
  return status;
}

static ice_status push_u32(compiler *run, u32_list *list, uint32_t count, uint32_t *first) {
  void *data = list->data;
  ice_status status = grow_array(&data, &list->capacity, list->count + count, sizeof *list->data, run->err);
  list->data = data;
  if (status == ICE_OK) {
    *first = list->count;
    memset(list->data + list->count, 0, count * sizeof *list->data);
    list->count += count;
  }
  return status;
}

// Bodies are finished from the inside out: each is gathered by itself and then copied behind the others.
static ice_status finish_body(compiler *run, op_list *body, uint32_t *out) {
  ice_status status = emit(run, body, (op){.code = OP_END, .null_branch = -1});
  op_list *all = &run->out->ops;
  if (status == ICE_OK) {
    status = grow_ops(all, body->count, run->err);
  }
  if (status == ICE_OK) {
    *out = all->count;
    memcpy(all->data + all->count, body->data, body->count * sizeof *body->data);
    all->count += body->count;
  }
  return status;
}

static ice_status enter(compiler *run) {
  // Types nest at most as deep as schemas do; a defensive bound of the compiler's own recursion.
  if (++run->depth > 4 * ICE_AVRO_SCHEMA_DEPTH_MAX) {
    return ice_error_set(run->err, ICE_LIMIT, "Avro schema nests too deep to compile");
  }
  return ICE_OK;
}

static ice_status mismatch(compiler *run, const ice_avro_type *writer, const ice_avro_type *reader) {
  return ice_error_set(run->err, ICE_INVALID_ARGUMENT,
                       "Avro schemas do not resolve: written as %s %.*s, read as %s %.*s",
                       ice_avro_kind_name(writer->kind), ICE_STR_ARG(writer->name), ice_avro_kind_name(reader->kind),
                       ICE_STR_ARG(reader->name));
}

// Skipping ----------------------------------------------------------------------------------------------------------

static ice_status skip_union(compiler *run, const ice_avro_type *writer, op_list *body) {
  ice_status status = ICE_OK;
  uint32_t first = 0;
  ICE_TRY(push_u32(run, &run->out->tables, writer->branch_count, &first));
  for (uint32_t i = 0; i < writer->branch_count; i++) {
    op_list branch = {0};
    uint32_t offset = 0;
    status = compile_skip(run, writer->branches[i], &branch);
    status = status == ICE_OK ? finish_body(run, &branch, &offset) : status;
    free(branch.data);
    ICE_TRY(status);
    run->out->tables.data[first + i] = offset;
  }
  ICE_TRY(emit(run, body, (op){.code = OP_SKIP_UNION, .null_branch = -1, .a = first, .b = writer->branch_count}));
done:
  return status;
}

// A record is skipped by a body of its own, made once: it may contain itself, and it may be named in many places.
static ice_status skip_record(compiler *run, const ice_avro_type *writer, op_list *body) {
  ice_status status = ICE_OK;
  op_list fields = {0};
  char key[32];
  int key_size = snprintf(key, sizeof key, "%p", (const void *)writer);
  uintptr_t known = (uintptr_t)ice_map_get(&run->calls, ice_str_make(key, (size_t)key_size));
  uint32_t call = (uint32_t)known;
  if (known == 0) {
    ICE_TRY(push_u32(run, &run->out->calls, 1, &call));
    ICE_TRY(ice_map_put(&run->calls, ice_str_make(key, (size_t)key_size), (void *)(uintptr_t)(call + 1), run->err));
    for (uint32_t i = 0; i < writer->field_count; i++) {
      ICE_TRY(compile_skip(run, writer->fields[i].type, &fields));
    }
    uint32_t offset = 0;
    ICE_TRY(finish_body(run, &fields, &offset));
    run->out->calls.data[call] = offset;
  } else {
    call--;
  }
  ICE_TRY(emit(run, body, (op){.code = OP_SKIP_CALL, .null_branch = -1, .a = call}));
done:
  free(fields.data);
  return status;
}

static ice_status skip_blocks(compiler *run, const ice_avro_type *writer, op_list *body) {
  ice_status status = ICE_OK;
  op_list item = {0};
  uint32_t offset = 0;
  if (writer->kind == ICE_AVRO_MAP) {
    ICE_TRY(emit(run, &item, (op){.code = OP_SKIP_BYTES, .null_branch = -1}));
  }
  ICE_TRY(compile_skip(run, writer->items, &item));
  ICE_TRY(finish_body(run, &item, &offset));
  ICE_TRY(emit(run, body, (op){.code = OP_SKIP_BLOCKS, .null_branch = -1, .a = offset}));
done:
  free(item.data);
  return status;
}

static ice_status skip_fixed(compiler *run, op_list *body, uint32_t size) {
  if (size == 0) {
    return ICE_OK;
  }
  if (body->count != 0) {
    op *last = &body->data[body->count - 1];
    if (last->code == OP_SKIP_FIXED && last->a <= UINT32_MAX - size) {
      last->a += size;
      return ICE_OK;
    }
  }
  return emit(run, body, (op){.code = OP_SKIP_FIXED, .null_branch = -1, .a = size});
}

static ice_status compile_skip(compiler *run, const ice_avro_type *writer, op_list *body) {
  ice_status status = ICE_OK;
  ICE_TRY(enter(run));
  switch (writer->kind) {
    case ICE_AVRO_NULL: break;
    case ICE_AVRO_BOOLEAN: status = skip_fixed(run, body, 1); break;
    case ICE_AVRO_FLOAT: status = skip_fixed(run, body, 4); break;
    case ICE_AVRO_DOUBLE: status = skip_fixed(run, body, 8); break;
    case ICE_AVRO_FIXED: status = skip_fixed(run, body, writer->size); break;
    case ICE_AVRO_INT:
    case ICE_AVRO_LONG:
    case ICE_AVRO_ENUM: status = emit(run, body, (op){.code = OP_SKIP_VARINT, .null_branch = -1}); break;
    case ICE_AVRO_BYTES:
    case ICE_AVRO_STRING: status = emit(run, body, (op){.code = OP_SKIP_BYTES, .null_branch = -1}); break;
    case ICE_AVRO_ARRAY:
    case ICE_AVRO_MAP: status = skip_blocks(run, writer, body); break;
    case ICE_AVRO_UNION: status = skip_union(run, writer, body); break;
    case ICE_AVRO_RECORD: status = skip_record(run, writer, body); break;
  }
done:
  run->depth--;
  return status;
}

// Matching ----------------------------------------------------------------------------------------------------------

// The specification compares unqualified names; aliases of the reader count as its names.
static bool names_match(const ice_avro_type *writer, const ice_avro_type *reader) {
  if (writer == reader || ice_str_equal(ice_avro_short_name(writer->name), ice_avro_short_name(reader->name))) {
    return true;
  }
  for (uint32_t i = 0; i < reader->alias_count; i++) {
    if (ice_str_equal(reader->aliases[i], writer->name)) {
      return true;
    }
  }
  return false;
}

// 0: no; 1: by promotion; 2: the same type.
static int match(const ice_avro_type *writer, const ice_avro_type *reader) {
  if (writer->kind == reader->kind) {
    switch (writer->kind) {
      case ICE_AVRO_RECORD:
      case ICE_AVRO_ENUM: return names_match(writer, reader) ? 2 : 0;
      case ICE_AVRO_FIXED: return writer->size == reader->size && names_match(writer, reader) ? 2 : 0;
      case ICE_AVRO_NULL:
      case ICE_AVRO_BOOLEAN:
      case ICE_AVRO_INT:
      case ICE_AVRO_LONG:
      case ICE_AVRO_FLOAT:
      case ICE_AVRO_DOUBLE:
      case ICE_AVRO_BYTES:
      case ICE_AVRO_STRING:
      case ICE_AVRO_ARRAY:
      case ICE_AVRO_MAP:
      case ICE_AVRO_UNION: return 2;
    }
  }
  if (writer->kind >= ICE_AVRO_INT && reader->kind <= ICE_AVRO_DOUBLE) {
    return writer->kind < reader->kind ? 1 : 0;
  }
  return (writer->kind == ICE_AVRO_BYTES && reader->kind == ICE_AVRO_STRING) ||
         (writer->kind == ICE_AVRO_STRING && reader->kind == ICE_AVRO_BYTES);
}

static bool is_millis(const ice_avro_type *type) {
  return type->logical == ICE_AVRO_LOGICAL_TIME_MILLIS || type->logical == ICE_AVRO_LOGICAL_TIMESTAMP_MILLIS ||
         type->logical == ICE_AVRO_LOGICAL_LOCAL_TIMESTAMP_MILLIS;
}

// Times are scaled by the unit of who wrote them; the reader's unit counts only where the writer names none.
static bool needs_millis(const ice_avro_type *writer, const ice_avro_type *reader, const ice_type *type) {
  if (type->kind != ICE_KIND_TIME && type->kind != ICE_KIND_TIMESTAMP && type->kind != ICE_KIND_TIMESTAMPTZ) {
    return false;
  }
  return is_millis(writer->logical == ICE_AVRO_LOGICAL_NONE ? reader : writer);
}

static op_code number_code(const ice_avro_type *writer, const ice_avro_type *reader, const ice_type *type) {
  bool is_int = writer->kind == ICE_AVRO_INT;
  if (writer->kind == ICE_AVRO_DOUBLE) {
    return OP_DOUBLE;
  }
  if (writer->kind == ICE_AVRO_FLOAT) {
    return type->kind == ICE_KIND_DOUBLE ? OP_FLOAT_DOUBLE : OP_FLOAT;
  }
  if (type->kind == ICE_KIND_FLOAT) {
    return is_int ? OP_INT_FLOAT : OP_LONG_FLOAT;
  }
  if (type->kind == ICE_KIND_DOUBLE) {
    return is_int ? OP_INT_DOUBLE : OP_LONG_DOUBLE;
  }
  if (needs_millis(writer, reader, type)) {
    return is_int ? OP_INT_MILLIS : OP_LONG_MILLIS;
  }
  if (!is_int) {
    return OP_LONG;
  }
  return type->kind == ICE_KIND_INT || type->kind == ICE_KIND_DATE ? OP_INT : OP_INT_LONG;
}

// Values ------------------------------------------------------------------------------------------------------------

static ice_status compile_enum(compiler *run, const ice_avro_type *writer, const ice_avro_type *reader, target to,
                               op_list *body) {
  ice_status status = ICE_OK;
  program *out = run->out;
  uint32_t first = out->symbol_count;
  void *data = out->symbols;
  status = grow_array(&data, &out->symbol_capacity, first + writer->symbol_count, sizeof *out->symbols, run->err);
  out->symbols = data;
  ICE_TRY(status);
  ice_map known;
  ice_map_init(&known, ICE_AVRO_SCHEMA_TYPES_MAX);
  for (uint32_t i = 0; i < reader->symbol_count && status == ICE_OK; i++) {
    status = ice_map_put(&known, reader->symbols[i], &reader->symbols[i], run->err);
  }
  for (uint32_t i = 0; i < writer->symbol_count && status == ICE_OK; i++) {
    const ice_str *symbol = ice_map_get(&known, writer->symbols[i]);
    if (!symbol && reader->enum_default >= 0) {
      symbol = &reader->symbols[reader->enum_default];
    }
    ice_str *slot = &out->symbols[out->symbol_count++];
    *slot = (ice_str){0};
    if (symbol) {
      status = ice_arena_copy_str(run->arena, *symbol, slot, run->err);
    }
  }
  ice_map_deinit(&known);
  ICE_TRY(status);
  ICE_TRY(emit(run, body,
               (op){.code = OP_ENUM, .null_branch = -1, .column = to.column, .a = first, .b = writer->symbol_count}));
done:
  return status;
}

static ice_status compile_bytes(compiler *run, const ice_avro_type *writer, const ice_avro_type *reader, target to,
                                op_list *body) {
  op step = {.code = OP_TEXT, .null_branch = -1, .column = to.column};
  if (to.type->kind == ICE_KIND_DECIMAL) {
    bool same = writer->logical != ICE_AVRO_LOGICAL_DECIMAL ||
                (writer->scale == reader->scale && writer->precision <= reader->precision);
    if (!same) {
      return ice_error_set(run->err, ICE_INVALID_ARGUMENT,
                           "Avro schemas do not resolve: written as decimal(%d,%d), read as decimal(%d,%d)",
                           writer->precision, writer->scale, reader->precision, reader->scale);
    }
    step.code = writer->kind == ICE_AVRO_FIXED ? OP_DECIMAL_FIXED : OP_DECIMAL_BYTES;
    step.a = (uint32_t)to.type->precision;
    step.b = writer->size;
  } else if (writer->kind == ICE_AVRO_FIXED) {
    step.code = to.type->kind == ICE_KIND_BINARY ? OP_FIXED_TEXT : OP_FIXED;
    step.b = writer->size;
  }
  return emit(run, body, step);
}

// A list, or a map of either spelling: the body of an item works on the children of the column.
static ice_status compile_blocks(compiler *run, const ice_avro_type *writer, const ice_avro_type *reader, target to,
                                 op_list *body) {
  ice_status status = ICE_OK;
  op_list item = {0};
  uint32_t offset = 0;
  op step = {.code = OP_LIST, .null_branch = -1, .column = to.column};
  if (ice_avro_is_logical_map(reader)) {
    if (writer->items->kind != ICE_AVRO_RECORD || writer->items->field_count != 2) {
      ICE_TRY(mismatch(run, writer, reader));
    }
    ICE_TRY(compile_fields(run, writer->items, reader->items, to.type, true, &item));
  } else {
    uint32_t value = reader->kind == ICE_AVRO_MAP ? 1 : 0;
    const ice_field *field = &to.type->fields[value];
    target inner = {.type = &field->type, .optional = !field->required, .column = value};
    step.code = value == 1 ? OP_MAP : OP_LIST;
    ICE_TRY(compile_value(run, writer->items, reader->items, inner, &item));
  }
  ICE_TRY(finish_body(run, &item, &offset));
  step.a = offset;
  ICE_TRY(emit(run, body, step));
done:
  free(item.data);
  return status;
}

static ice_status compile_record(compiler *run, const ice_avro_type *writer, const ice_avro_type *reader, target to,
                                 op_list *body) {
  op_list fields = {0};
  uint32_t offset = 0;
  ice_status status = compile_fields(run, writer, reader, to.type, false, &fields);
  status = status == ICE_OK ? finish_body(run, &fields, &offset) : status;
  free(fields.data);
  if (status != ICE_OK) {
    return status;
  }
  return emit(run, body, (op){.code = OP_RECORD, .null_branch = -1, .column = to.column, .a = offset});
}

// Exactly one operation for a value of a type that is no union.
static ice_status compile_single(compiler *run, const ice_avro_type *writer, const ice_avro_type *reader, target to,
                                 op_list *body) {
  if (match(writer, reader) == 0) {
    return mismatch(run, writer, reader);
  }
  switch (writer->kind) {
    case ICE_AVRO_BOOLEAN: return emit(run, body, (op){.code = OP_BOOLEAN, .null_branch = -1, .column = to.column});
    case ICE_AVRO_INT:
    case ICE_AVRO_LONG:
    case ICE_AVRO_FLOAT:
    case ICE_AVRO_DOUBLE:
      return emit(
          run, body,
          (op){.code = (uint8_t)number_code(writer, reader, to.type), .null_branch = -1, .column = to.column});
    case ICE_AVRO_STRING:
    case ICE_AVRO_BYTES:
    case ICE_AVRO_FIXED: return compile_bytes(run, writer, reader, to, body);
    case ICE_AVRO_ENUM: return compile_enum(run, writer, reader, to, body);
    case ICE_AVRO_ARRAY:
    case ICE_AVRO_MAP: return compile_blocks(run, writer, reader, to, body);
    case ICE_AVRO_RECORD: return compile_record(run, writer, reader, to, body);
    case ICE_AVRO_NULL:
    case ICE_AVRO_UNION: break;
  }
  return mismatch(run, writer, reader);
}

static ice_status compile_branch(compiler *run, const ice_avro_type *writer, const ice_avro_type *reader, target to,
                                 uint32_t *offset) {
  op_list branch = {0};
  ice_status status;
  if (writer->kind == ICE_AVRO_NULL && to.optional) {
    status = emit(run, &branch, (op){.code = OP_NULL, .null_branch = -1, .column = to.column});
  } else if (match(writer, reader) != 0) {
    status = compile_single(run, writer, reader, to, &branch);
  } else {
    status = emit(run, &branch, (op){.code = OP_FAIL, .null_branch = -1, .column = to.column});
  }
  status = status == ICE_OK ? finish_body(run, &branch, offset) : status;
  free(branch.data);
  return status;
}

static ice_status compile_union(compiler *run, const ice_avro_type *writer, const ice_avro_type *reader, target to,
                                op_list *body) {
  ice_status status = ICE_OK;
  const ice_avro_type *value = reader;
  uint32_t count = writer->branch_count;
  bool any = false;
  for (uint32_t i = 0; i < count; i++) {
    const ice_avro_type *branch = writer->branches[i];
    if (count == 2 && to.optional && branch->kind == ICE_AVRO_NULL && match(writer->branches[1 - i], value) != 0) {
      // The common case: one operation with the branch in front.
      ICE_TRY(compile_single(run, writer->branches[1 - i], value, to, body));
      body->data[body->count - 1].null_branch = (int8_t)i;
      goto done;
    }
    any = any || match(branch, value) != 0 || (branch->kind == ICE_AVRO_NULL && to.optional);
  }
  if (!any) {
    ICE_TRY(mismatch(run, writer, reader));
  }
  uint32_t first = 0;
  ICE_TRY(push_u32(run, &run->out->tables, count, &first));
  for (uint32_t i = 0; i < count; i++) {
    uint32_t offset = 0;
    ICE_TRY(compile_branch(run, writer->branches[i], value, to, &offset));
    run->out->tables.data[first + i] = offset;
  }
  ICE_TRY(emit(run, body, (op){.code = OP_UNION, .null_branch = -1, .column = to.column, .a = first, .b = count}));
done:
  return status;
}

static ice_status compile_value(compiler *run, const ice_avro_type *writer, const ice_avro_type *reader, target to,
                                op_list *body) {
  ice_status status = ICE_OK;
  bool optional;
  const ice_avro_type *value = ice_avro_value_type(reader, &optional);
  ICE_TRY(enter(run));
  if (!value) {
    ICE_TRY(ice_error_set(run->err, ICE_INTERNAL, "Avro type without a column type"));
  }
  if (writer->kind == ICE_AVRO_UNION) {
    status = compile_union(run, writer, value, to, body);
  } else if (writer->kind == ICE_AVRO_NULL && to.optional) {
    status = emit(run, body, (op){.code = OP_NULL, .null_branch = -1, .column = to.column});
  } else {
    status = compile_single(run, writer, value, to, body);
  }
done:
  run->depth--;
  return status;
}

// A field that only the reader has: its default becomes a constant that is decoded like data.
static ice_status compile_default(compiler *run, const ice_avro_field *field, target to, op_list *body) {
  ice_status status = ICE_OK;
  ice_error *err = run->err;
  op_list inner = {0};
  ice_bytes *constants = &run->out->constants;
  size_t from = constants->size;
  uint32_t offset = 0;
  uint32_t steps = DEFAULT_STEPS_MAX;
  if (!field->default_value) {
    ICE_FAIL(ICE_INVALID_ARGUMENT, "Avro schemas do not resolve: field \"%.*s\" was not written and has no default",
             ICE_STR_ARG(field->name));
  }
  status = ice_avro_default_encode(field->type, field->default_value, &steps, constants, err);
  if (status != ICE_OK) {
    ice_error_prepend(err, "field \"%.*s\"", ICE_STR_ARG(field->name));
    goto done;
  }
  ICE_TRY(compile_value(run, field->type, field->type, to, &inner));
  ICE_TRY(finish_body(run, &inner, &offset));
  ICE_TRY(emit(run, body,
               (op){.code = OP_DEFAULT,
                    .null_branch = -1,
                    .column = to.column,
                    .a = (uint32_t)from,
                    .b = (uint32_t)(constants->size - from),
                    .c = offset}));
done:
  free(inner.data);
  return status;
}

typedef struct field_slot {
  const ice_avro_field *field;
  uint32_t column;
  bool wanted;
  bool written;
} field_slot;

static field_slot *find_slot(const ice_map *by_name, ice_str name, field_slot *slots, uint32_t count, bool aliases) {
  field_slot *slot = ice_map_get(by_name, name);
  if (slot || !aliases) {
    return slot;
  }
  for (uint32_t i = 0; i < count; i++) {
    for (uint32_t k = 0; k < slots[i].field->alias_count; k++) {
      if (ice_str_equal(slots[i].field->aliases[k], name)) {
        return &slots[i];
      }
    }
  }
  return NULL;
}

// The fields of a record: in the writer's order, unwanted ones skipped, then the defaults of what was not written.
// With `by_position` the columns are key and value of a map, in this order, whatever the fields are called.
static ice_status compile_fields(compiler *run, const ice_avro_type *writer, const ice_avro_type *reader,
                                 const ice_type *type, bool by_position, op_list *body) {
  ice_status status = ICE_OK;
  ice_map by_name;
  ice_map_init(&by_name, ICE_AVRO_SCHEMA_TYPES_MAX);
  bool aliases = false;
  uint32_t column = 0;
  field_slot *slots = calloc(reader->field_count == 0 ? 1 : reader->field_count, sizeof *slots);
  if (!slots) {
    ICE_TRY(ice_error_set(run->err, ICE_NO_MEMORY, "out of memory for an Avro program"));
  }
  for (uint32_t i = 0; i < reader->field_count; i++) {
    slots[i].field = &reader->fields[i];
    slots[i].column = column;
    slots[i].wanted = by_position || (column < type->field_count &&
                                      ice_str_equal(type->fields[column].name, reader->fields[i].name));
    column += slots[i].wanted;
    aliases = aliases || reader->fields[i].alias_count != 0;
    ICE_TRY(ice_map_put(&by_name, reader->fields[i].name, &slots[i], run->err));
  }
  for (uint32_t i = 0; i < writer->field_count; i++) {
    field_slot *slot = find_slot(&by_name, writer->fields[i].name, slots, reader->field_count, aliases);
    if (!slot || !slot->wanted || slot->written) {
      ICE_TRY(compile_skip(run, writer->fields[i].type, body));
      continue;
    }
    const ice_field *field = &type->fields[slot->column];
    target to = {.type = &field->type, .optional = !field->required, .column = slot->column};
    slot->written = true;
    status = compile_value(run, writer->fields[i].type, slot->field->type, to, body);
    if (status != ICE_OK) {
      ice_error_prepend(run->err, "field \"%.*s\"", ICE_STR_ARG(slot->field->name));
      goto done;
    }
  }
  for (uint32_t i = 0; i < reader->field_count; i++) {
    if (slots[i].wanted && !slots[i].written) {
      const ice_field *field = &type->fields[slots[i].column];
      target to = {.type = &field->type, .optional = !field->required, .column = slots[i].column};
      ICE_TRY(compile_default(run, slots[i].field, to, body));
    }
  }
done:
  free(slots);
  ice_map_deinit(&by_name);
  return status;
}

ice_status ice_avro_program_compile(const ice_avro_type *writer, const ice_avro_type *reader,
                                    const ice_schema *schema, ice_arena *arena, program *out, ice_error *err) {
  ice_status status = ICE_OK;
  compiler run = {.out = out, .arena = arena, .err = err};
  op_list body = {0};
  ice_map_init(&run.calls, ICE_AVRO_SCHEMA_TYPES_MAX);
  ice_bytes_init(&out->constants, PROGRAM_CONSTANTS_MAX);
  if (match(writer, reader) == 0) {
    ICE_TRY(mismatch(&run, writer, reader));
  }
  ICE_TRY(compile_fields(&run, writer, reader, &schema->root, false, &body));
  ICE_TRY(finish_body(&run, &body, &out->entry));
done:
  free(body.data);
  ice_map_deinit(&run.calls);
  return status;
}
