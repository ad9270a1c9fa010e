// The spelling of types: as Iceberg writes primitives, and as people write nested ones in a configuration.
#include "columnar/schema.h"

#include <stdlib.h>

static const char *const kind_names[] = {
    [ICE_KIND_BOOLEAN] = "boolean",
    [ICE_KIND_INT] = "int",
    [ICE_KIND_LONG] = "long",
    [ICE_KIND_FLOAT] = "float",
    [ICE_KIND_DOUBLE] = "double",
    [ICE_KIND_DECIMAL] = "decimal",
    [ICE_KIND_DATE] = "date",
    [ICE_KIND_TIME] = "time",
    [ICE_KIND_TIMESTAMP] = "timestamp",
    [ICE_KIND_TIMESTAMPTZ] = "timestamptz",
    [ICE_KIND_STRING] = "string",
    [ICE_KIND_UUID] = "uuid",
    [ICE_KIND_FIXED] = "fixed",
    [ICE_KIND_BINARY] = "binary",
    [ICE_KIND_STRUCT] = "struct",
    [ICE_KIND_LIST] = "list",
    [ICE_KIND_MAP] = "map",
};

const char *ice_kind_name(ice_kind kind) {
  return (size_t)kind < ICE_COUNT_OF(kind_names) ? kind_names[kind] : "unknown";
}

static ice_status format_type(const ice_type *type, int depth, ice_bytes *out, ice_error *err) {
  if (depth > ICE_SCHEMA_DEPTH_MAX) {
    return ice_error_set(err, ICE_LIMIT, "types nest deeper than %d", (int)ICE_SCHEMA_DEPTH_MAX);
  }
  if (type->kind == ICE_KIND_DECIMAL) {
    return ice_bytes_append_format(out, err, "decimal(%d,%d)", type->precision, type->scale);
  }
  if (type->kind == ICE_KIND_FIXED) {
    return ice_bytes_append_format(out, err, "fixed[%d]", type->size);
  }
  ice_status status = ICE_OK;
  ICE_TRY(ice_bytes_append_str(out, ice_str_of(ice_kind_name(type->kind)), err));
  if (!ice_kind_nested(type->kind)) {
    goto done;
  }
  for (uint32_t i = 0; i < type->field_count; i++) {
    ICE_TRY(ice_bytes_append_str(out, i == 0 ? ICE_STR("<") : ICE_STR(", "), err));
    if (type->kind == ICE_KIND_STRUCT) {
      ICE_TRY(ice_bytes_append_format(out, err, "%.*s: ", ICE_STR_ARG(type->fields[i].name)));
    }
    ICE_TRY(format_type(&type->fields[i].type, depth + 1, out, err));
  }
  ICE_TRY(ice_bytes_append_str(out, ICE_STR(">"), err));
done:
  return status;
}

ice_status ice_type_format(const ice_type *type, ice_bytes *out, ice_error *err) {
  return format_type(type, 0, out, err);
}

typedef struct type_parser {
  ice_schema *schema;
  ice_str text;
  size_t at;
  ice_error *err;
} type_parser;

static ice_status fail_at(const type_parser *p, const char *expected) {
  return ice_error_set(p->err, ICE_INVALID_ARGUMENT, "type \"%.*s\": expected %s at character %zu",
                       ICE_STR_ARG(p->text), expected, p->at + 1);
}

static void skip_spaces(type_parser *p) {
  while (p->at < p->text.size && p->text.data[p->at] == ' ') {
    p->at++;
  }
}

static bool take(type_parser *p, char c) {
  skip_spaces(p);
  if (p->at < p->text.size && p->text.data[p->at] == c) {
    p->at++;
    return true;
  }
  return false;
}

static bool is_word(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

static ice_str take_word(type_parser *p) {
  skip_spaces(p);
  size_t from = p->at;
  while (p->at < p->text.size && is_word(p->text.data[p->at])) {
    p->at++;
  }
  return ice_str_make(p->text.data + from, p->at - from);
}

static bool take_number(type_parser *p, int32_t *out) {
  skip_spaces(p);
  int32_t value = 0;
  size_t from = p->at;
  while (p->at < p->text.size && p->text.data[p->at] >= '0' && p->text.data[p->at] <= '9' && p->at - from < 9) {
    value = value * 10 + (p->text.data[p->at] - '0');
    p->at++;
  }
  *out = value;
  return p->at != from;
}

static ice_status parse_type(type_parser *p, ice_type *out, int depth);

static ice_status parse_parameters(type_parser *p, ice_type *out) {
  if (out->kind == ICE_KIND_DECIMAL) {
    bool complete = take(p, '(') && take_number(p, &out->precision) && take(p, ',') && take_number(p, &out->scale) &&
                    take(p, ')');
    return complete ? ICE_OK : fail_at(p, "(precision, scale)");
  }
  if (out->kind == ICE_KIND_FIXED) {
    return take(p, '[') && take_number(p, &out->size) && take(p, ']') ? ICE_OK : fail_at(p, "[size]");
  }
  return ICE_OK;
}

static ice_status parse_struct(type_parser *p, ice_type *out, int depth) {
  enum { TEXT_STRUCT_FIELDS_MAX = 256 };
  ice_error *err = p->err;
  ice_status status = ICE_OK;
  ice_type fields = {0};
  ICE_TRY(ice_type_set_fields(p->schema, &fields, TEXT_STRUCT_FIELDS_MAX, err));
  uint32_t count = 0;
  do {
    if (count == TEXT_STRUCT_FIELDS_MAX) {
      ICE_FAIL(ICE_LIMIT, "a struct type in text has more than %d fields", (int)TEXT_STRUCT_FIELDS_MAX);
    }
    ice_field *field = &fields.fields[count++];
    ice_str name = take_word(p);
    if (name.size == 0 || !take(p, ':')) {
      status = fail_at(p, "name: type");
      goto done;
    }
    ICE_TRY(ice_arena_copy_str(&p->schema->arena, name, &field->name, err));
    ICE_TRY(parse_type(p, &field->type, depth + 1));
  } while (take(p, ','));
  out->fields = fields.fields;
  out->field_count = count;
done:
  return status;
}

static ice_status parse_nested(type_parser *p, ice_type *out, int depth) {
  ice_error *err = p->err;
  ice_status status = ICE_OK;
  if (!take(p, '<')) {
    return fail_at(p, "<");
  }
  if (out->kind == ICE_KIND_STRUCT) {
    ICE_TRY(parse_struct(p, out, depth));
  } else if (out->kind == ICE_KIND_LIST) {
    ICE_TRY(ice_type_set_fields(p->schema, out, 1, err));
    out->fields[0].name = ICE_STR("element");
    ICE_TRY(parse_type(p, &out->fields[0].type, depth + 1));
  } else {
    ICE_TRY(ice_type_set_fields(p->schema, out, 2, err));
    out->fields[0].name = ICE_STR("key");
    out->fields[0].required = true;
    out->fields[1].name = ICE_STR("value");
    ICE_TRY(parse_type(p, &out->fields[0].type, depth + 1));
    if (!take(p, ',')) {
      status = fail_at(p, ",");
      goto done;
    }
    ICE_TRY(parse_type(p, &out->fields[1].type, depth + 1));
  }
  if (!take(p, '>')) {
    status = fail_at(p, ">");
  }
done:
  return status;
}

static ice_status parse_type(type_parser *p, ice_type *out, int depth) {
  if (depth > ICE_SCHEMA_DEPTH_MAX) {
    return ice_error_set(p->err, ICE_LIMIT, "types nest deeper than %d", (int)ICE_SCHEMA_DEPTH_MAX);
  }
  size_t start = p->at;
  ice_str word = take_word(p);
  for (size_t kind = 0; kind < ICE_COUNT_OF(kind_names); kind++) {
    if (ice_str_equal_c(word, kind_names[kind])) {
      *out = (ice_type){.kind = (ice_kind)kind};
      return ice_kind_nested(out->kind) ? parse_nested(p, out, depth) : parse_parameters(p, out);
    }
  }
  p->at = start;
  return fail_at(p,
                 "a type (boolean, int, long, float, double, decimal(p,s), date, time, timestamp, timestamptz, "
                 "string, uuid, fixed[n], binary, list<…>, map<…>, struct<…>)");
}

ice_status ice_type_parse(ice_schema *schema, ice_str text, ice_type *out, ice_error *err) {
  *out = (ice_type){0};
  type_parser p = {.schema = schema, .text = text, .err = err};
  ice_status status = parse_type(&p, out, 0);
  if (status == ICE_OK) {
    skip_spaces(&p);
    if (p.at != text.size) {
      status = fail_at(&p, "the end");
    }
  }
  return status;
}
