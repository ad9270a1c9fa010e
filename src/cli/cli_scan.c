#include "assembly/open_catalog.h"
#include "base/number.h"
#include "cli/cli.h"
#include "codec/iso8601.h"
#include "ingest/table_scan.h"
#include "json/json_text.h"
#include <stdlib.h>

static const char help[] =
    "Usage: icesink scan TABLE [--columns a,b] [--where \"a = x and b >= 3\"] [--limit N]\n"
    "                    [--format table|csv|ndjson] [--config FILE]\n\n"
    "Prints rows. Conditions compare one column with a value (=, !=, <, <=, >, >=); all must hold.\n";

enum { COLUMNS_MAX = 1000, CONDITIONS_MAX = 16, CELL_MAX = 1 << 24, CELL_WIDTH = 36, DEFAULT_ROWS = 20 };

typedef enum comparison { EQUAL, NOT_EQUAL, BELOW, AT_MOST, ABOVE, AT_LEAST } comparison;

typedef struct condition {
  uint32_t column;
  comparison comparison;
  ice_str value;
  double number;
} condition;

typedef enum format { FORMAT_TABLE, FORMAT_CSV, FORMAT_NDJSON } format;

typedef struct printer {
  format format;
  condition conditions[CONDITIONS_MAX];
  size_t condition_count;
  int64_t limit;
  int64_t printed;
  ice_bytes text;
} printer;

static ice_str next_word(const char **at) {
  while (**at == ' ') {
    (*at)++;
  }
  const char *from = *at;
  if (*from == '\'' || *from == '"') {
    const char *end = strchr(from + 1, *from);
    *at = end ? end + 1 : from + strlen(from);
    return ice_str_make(from + 1, (size_t)((end ? end : *at) - from) - 1);
  }
  bool symbol = *from && strchr("=!<>", *from);
  while (**at && **at != ' ' && (strchr("=!<>", **at) != NULL) == symbol) {
    (*at)++;
  }
  return ice_str_make(from, (size_t)(*at - from));
}

static bool parse_comparison(ice_str text, comparison *out) {
  static const char *const names[] = {"=", "!=", "<", "<=", ">", ">="};
  for (size_t i = 0; i < ICE_COUNT_OF(names); i++) {
    if (ice_str_equal_c(text, names[i])) {
      *out = (comparison)i;
      return true;
    }
  }
  return false;
}

static bool is_time(ice_kind kind) { return kind == ICE_KIND_TIMESTAMP || kind == ICE_KIND_TIMESTAMPTZ; }

// Numbers and times compare as numbers, everything else as the text that scan prints.
static ice_status parse_value(const ice_schema *schema, condition *c, ice_error *err) {
  ice_kind kind = schema->root.fields[c->column].type.kind;
  int64_t us;
  int32_t days;
  bool fits = true;
  if (is_time(kind)) {
    fits = ice_iso8601_parse_timestamp(c->value, &us);
    c->number = fits ? (double)us : 0;
  } else if (kind == ICE_KIND_DATE) {
    fits = ice_iso8601_parse_date(c->value, &days);
    c->number = fits ? days : 0;
  } else if (kind == ICE_KIND_INT || kind == ICE_KIND_LONG || kind == ICE_KIND_FLOAT || kind == ICE_KIND_DOUBLE) {
    fits = ice_number_parse(c->value, &c->number);
  }
  return fits ? ICE_OK
              : ice_error_set(err, ICE_INVALID_ARGUMENT, "--where: \"%.*s\" is no %s", ICE_STR_ARG(c->value),
                              ice_kind_name(kind));
}

static ice_status parse_where(const char *text, const ice_schema *schema, printer *out, ice_error *err) {
  while (text && *text) {
    if (out->condition_count == CONDITIONS_MAX) {
      return ice_error_set(err, ICE_LIMIT, "--where: more than %d conditions", (int)CONDITIONS_MAX);
    }
    condition *c = &out->conditions[out->condition_count++];
    ice_str name = next_word(&text);
    ice_str symbol = next_word(&text);
    c->value = next_word(&text);
    c->column = 0;
    while (c->column < schema->root.field_count && !ice_str_equal(schema->root.fields[c->column].name, name)) {
      c->column++;
    }
    if (c->column == schema->root.field_count) {
      return ice_error_set(err, ICE_INVALID_ARGUMENT, "--where: %.*s is not among the columns of the scan",
                           ICE_STR_ARG(name));
    }
    if (!parse_comparison(symbol, &c->comparison)) {
      return ice_error_set(err, ICE_INVALID_ARGUMENT,
                           "--where: \"%.*s\" is none of = != < <= > >=", ICE_STR_ARG(symbol));
    }
    ice_status status = parse_value(schema, c, err);
    if (status != ICE_OK) {
      return status;
    }
    ice_str more = next_word(&text);
    if (more.size > 0 && !ice_str_equal_c(more, "and") && !ice_str_equal_c(more, "AND")) {
      return ice_error_set(err, ICE_INVALID_ARGUMENT, "--where: \"and\" is expected, not \"%.*s\"",
                           ICE_STR_ARG(more));
    }
  }
  return ICE_OK;
}

static ice_status order_of(printer *self, const condition *c, const ice_column *column, int64_t row, int *out,
                           ice_error *err) {
  double number = 0;
  switch (column->kind) {
    case ICE_KIND_INT:
    case ICE_KIND_DATE: number = ice_column_i32(column, row); break;
    case ICE_KIND_LONG:
    case ICE_KIND_TIMESTAMP:
    case ICE_KIND_TIMESTAMPTZ: number = (double)ice_column_i64(column, row); break;
    case ICE_KIND_FLOAT: number = (double)ice_column_f32(column, row); break;
    case ICE_KIND_DOUBLE: number = ice_column_f64(column, row); break;
    case ICE_KIND_BOOLEAN:
    case ICE_KIND_DECIMAL:
    case ICE_KIND_TIME:
    case ICE_KIND_STRING:
    case ICE_KIND_UUID:
    case ICE_KIND_FIXED:
    case ICE_KIND_BINARY:
    case ICE_KIND_STRUCT:
    case ICE_KIND_LIST:
    case ICE_KIND_MAP: {
      ice_bytes_clear(&self->text);
      ice_status status = ice_json_append_plain(&self->text, column, row, err);
      *out = ice_str_compare(ice_bytes_str(&self->text), c->value);
      return status;
    }
  }
  *out = (number > c->number) - (number < c->number);
  return ICE_OK;
}

static ice_status matches(printer *self, const ice_batch *batch, int64_t row, bool *out, ice_error *err) {
  *out = true;
  for (size_t i = 0; *out && i < self->condition_count; i++) {
    const condition *c = &self->conditions[i];
    const ice_column *column = &batch->columns[c->column];
    if (ice_column_is_null(column, row)) {
      *out = false;
      break;
    }
    int order;
    ice_status status = order_of(self, c, column, row, &order, err);
    if (status != ICE_OK) {
      return status;
    }
    const bool holds[] = {order == 0, order != 0, order < 0, order <= 0, order > 0, order >= 0};
    *out = holds[c->comparison];
  }
  return ICE_OK;
}

static void print_header(const printer *self, const ice_schema *schema) {
  for (uint32_t i = 0; self->format != FORMAT_NDJSON && i < schema->root.field_count; i++) {
    ice_str name = schema->root.fields[i].name;
    if (self->format == FORMAT_CSV) {
      printf("%s%.*s", i == 0 ? "" : ",", ICE_STR_ARG(name));
    } else {
      printf("%s%.*s", i == 0 ? "" : " | ", ICE_STR_ARG(name));
    }
  }
  fputs(self->format != FORMAT_NDJSON ? "\n" : "", stdout);
}

static void print_csv_cell(ice_str text) {
  bool quoted = memchr(text.data, ',', text.size) || memchr(text.data, '"', text.size) ||
                memchr(text.data, '\n', text.size) || memchr(text.data, '\r', text.size);
  if (!quoted) {
    fwrite(text.data, 1, text.size, stdout);
    return;
  }
  putchar('"');
  for (size_t i = 0; i < text.size; i++) {
    if (text.data[i] == '"') {
      putchar('"');
    }
    putchar(text.data[i]);
  }
  putchar('"');
}

static ice_status print_row(printer *self, const ice_batch *batch, int64_t row, ice_error *err) {
  ice_status status = ICE_OK;
  fputs(self->format == FORMAT_NDJSON ? "{" : "", stdout);
  for (uint32_t i = 0; i < batch->column_count; i++) {
    ice_bytes_clear(&self->text);
    if (self->format == FORMAT_NDJSON) {
      ICE_TRY(ice_json_append_string(&self->text, batch->schema->root.fields[i].name, err));
      ICE_TRY(ice_bytes_append_u8(&self->text, ':', err));
      ICE_TRY(ice_json_append_value(&self->text, &batch->columns[i], row, err));
      printf("%s%.*s", i == 0 ? "" : ",", ICE_STR_ARG(ice_bytes_str(&self->text)));
      continue;
    }
    ICE_TRY(ice_json_append_plain(&self->text, &batch->columns[i], row, err));
    ice_str text = ice_bytes_str(&self->text);
    if (self->format == FORMAT_CSV) {
      fputs(i == 0 ? "" : ",", stdout);
      print_csv_cell(text.data ? text : ICE_STR(""));
    } else {
      printf("%s%.*s", i == 0 ? "" : " | ", (int)(text.size > CELL_WIDTH ? CELL_WIDTH : text.size),
             text.data ? text.data : "");
    }
  }
  puts(self->format == FORMAT_NDJSON ? "}" : "");
done:
  return status;
}

static ice_status print_rows(printer *self, ice_table_scan *scan, ice_error *err) {
  ice_batch batch;
  ice_status status = ice_batch_init(&batch, ice_table_scan_schema(scan), err);
  bool more = status == ICE_OK;
  while (more && self->printed < self->limit) {
    ICE_TRY(ice_table_scan_next(scan, &batch, err));
    more = batch.row_count > 0;
    for (int64_t row = 0; row < batch.row_count && self->printed < self->limit; row++) {
      bool wanted;
      ICE_TRY(matches(self, &batch, row, &wanted, err));
      if (wanted) {
        ICE_TRY(print_row(self, &batch, row, err));
        self->printed++;
      }
    }
    if (ferror(stdout)) {
      ICE_FAIL(ICE_IO, "the output cannot be written");
    }
  }
done:
  ice_batch_deinit(&batch);
  return status;
}

static ice_status parse_format(const char *text, format *out, ice_error *err) {
  static const char *const names[] = {"table", "csv", "ndjson"};
  for (size_t i = 0; i < ICE_COUNT_OF(names); i++) {
    if (strcmp(text, names[i]) == 0) {
      *out = (format)i;
      return ICE_OK;
    }
  }
  return ice_error_set(err, ICE_INVALID_ARGUMENT, "--format is table, csv or ndjson, not %s", text);
}

static uint32_t split_columns(const char *text, ice_str *out) {
  uint32_t count = 0;
  while (text && *text && count < COLUMNS_MAX) {
    const char *comma = strchr(text, ',');
    size_t size = comma ? (size_t)(comma - text) : strlen(text);
    out[count++] = ice_str_make(text, size);
    text += size + (comma != NULL);
  }
  return count;
}

static int run_scan(int count, char **arguments) {
  const char *columns_text = NULL;
  const char *where = NULL;
  const char *limit = NULL;
  const char *format_name = NULL;
  const ice_argument own[] = {{"--columns", &columns_text, NULL},
                              {"--where", &where, NULL},
                              {"--limit", &limit, NULL},
                              {"--format", &format_name, NULL}};
  static ice_str columns[COLUMNS_MAX];
  printer self = {0};
  ice_bytes_init(&self.text, CELL_MAX);
  ice_arguments read;
  ice_settings settings = {0};
  ice_catalog *catalog = NULL;
  ice_table table = {0};
  ice_table_ident ident;
  ice_table_scan *scan = NULL;
  ice_error err_storage = {0};
  ice_error *err = &err_storage;
  ice_status status = ICE_OK;
  ICE_TRY(ice_arguments_read(count, arguments, own, ICE_COUNT_OF(own), &read, err));
  if (read.positional_count != 1) {
    ICE_FAIL(ICE_INVALID_ARGUMENT, "name one table: icesink scan database.table");
  }
  ICE_TRY(parse_format(format_name ? format_name : read.json ? "ndjson" : "table", &self.format, err));
  self.limit = limit ? strtoll(limit, NULL, 10) : self.format == FORMAT_TABLE ? DEFAULT_ROWS : INT64_MAX;
  ICE_TRY(ice_table_ident_parse(ice_str_of(read.positional[0]), &ident, err));
  ICE_TRY(ice_cli_table_settings(&read, &settings, err));
  ICE_TRY(ice_open_catalog(&(ice_open_catalog_options){.settings = &settings}, &catalog, err));
  ICE_TRY(ice_catalog_load_table(catalog, ident, &table, err));
  ICE_TRY(ice_table_scan_create(catalog, &table, columns, split_columns(columns_text, columns), NULL, &scan, err));
  ICE_TRY(parse_where(where, ice_table_scan_schema(scan), &self, err));
  print_header(&self, ice_table_scan_schema(scan));
  ICE_TRY(print_rows(&self, scan, err));
done:
  ice_table_scan_destroy(scan);
  ice_table_deinit(&table);
  ice_catalog_destroy(catalog);
  ice_settings_deinit(&settings);
  ice_bytes_deinit(&self.text);
  return status == ICE_OK ? ICE_EXIT_DONE : ice_cli_fail("scan", err);
}

const ice_command ice_command_scan = {
    .name = "scan", .summary = "print rows of a table", .help = help, .run = run_scan};
