// Walking the text of a message along the tree of wanted columns: each value is appended as it is read.
#include "json/json_decoder.h"

#include "base/utf8.h"
#include "json/json_program_priv.h"
#include "json/json_value_priv.h"
#include <stdlib.h>

enum {
  PROGRAM_BYTES_MAX = 1 << 26,
  TEXT_BYTES_MAX = INT32_MAX,
  // A value that does not fit costs a note.
  FAULT_EXTRAS = 8
};

struct ice_json_decoder {
  ice_schema *schema;
  ice_arena arena;
  json_node root;
  bool explodes;
  ice_bytes text;     ///< of a string with escapes
  ice_bytes decoded;  ///< of base64
};

/// `base` comes first: what scans knows no more.
typedef struct decoding {
  json_reader base;
  ice_json_decoder *decoder;
  ice_json_notes *notes;
  uint32_t row;
  size_t first_fault;  ///< of this message
  int64_t extras_left;
  /// The outermost list or map of a column whose items are being read; NULL: none.
  ice_column *owner;
  /// The exploded array's, once it was read; what stood in its place, and whether that was an array or null.
  const ice_column *array_column;
  bool array_fits;
  ice_json_span array;
} decoding;

static const uint8_t *read_value(decoding *d, json_node *node, ice_column *column, const uint8_t *p);

// Appending ---------------------------------------------------------------------------------------------------------

// The place `p` where the append went well.
static inline const uint8_t *after(decoding *d, ice_status status, const uint8_t *p) {
  if (ICE_LIKELY(status == ICE_OK)) {
    return p;
  }
  d->base.status = status;
  return NULL;
}

static bool take_extras(decoding *d, const uint8_t *p, int64_t count) {
  d->extras_left -= count;
  if (d->extras_left < 0) {
    ice_json_bad(&d->base, p, "more elements, members and values that do not fit than a message may have");
    return false;
  }
  return true;
}

static ice_json_span span_of(const decoding *d, const uint8_t *from, const uint8_t *to) {
  return (ice_json_span){.from = (uint32_t)(from - d->base.start), .to = (uint32_t)(to - d->base.start)};
}

// A null in place of the value in [from, to), and a note of it; one note is enough for a list or map.
static const uint8_t *append_misfit(decoding *d, ice_column *column, const uint8_t *from, const uint8_t *to) {
  const ice_column *noted = d->owner ? d->owner : column;
  ice_json_fault fault = {.column = noted, .index = noted->length, .row = d->row, .span = span_of(d, from, to)};
  size_t count = ice_json_fault_count(d->notes);
  const ice_json_fault *last = count > 0 ? ice_json_fault_at(d->notes, count - 1) : NULL;
  ice_status status = ICE_OK;
  if (!last || last->column != noted || last->index != noted->length) {
    if (!take_extras(d, from, FAULT_EXTRAS)) {
      return NULL;
    }
    status = ice_bytes_append(&d->notes->faults, &fault, sizeof fault, d->base.err);
  }
  if (status == ICE_OK) {
    status = ice_column_append_null(column, d->base.err);
  }
  return after(d, status, to);
}

// A member that comes again: its earlier value goes, and what was noted of it. False beyond the limit of the message, for
// this looks at all its notes.
static bool forget_value(decoding *d, ice_column *column, int64_t length, const uint8_t *p) {
  size_t count = ice_json_fault_count(d->notes);
  size_t kept = d->first_fault;
  if (!take_extras(d, p, 1 + (int64_t)(count - kept))) {
    return false;
  }
  ice_column_truncate(column, length);
  for (size_t i = kept; i < count; i++) {
    const ice_json_fault fault = *ice_json_fault_at(d->notes, i);
    if (fault.index < fault.column->length) {
      memcpy(d->notes->faults.data + kept++ * sizeof fault, &fault, sizeof fault);
    }
  }
  d->notes->faults.size = kept * sizeof(ice_json_fault);
  if (d->array_column && d->array_column->length == length) {
    d->notes->elements.size = (size_t)d->array_column->children[0].length * sizeof(ice_json_span);
    d->array_column = NULL;
  }
  return true;
}

// Texts -------------------------------------------------------------------------------------------------------------

/// The content of a string, and up to where memory may be read that begins with it.
typedef struct content {
  ice_str text;
  const void *readable_end;
} content;

// The content of the string whose opening quote is before `p`: a piece of the message, or the decoder's text where it
// has escapes.
static inline const uint8_t *read_string(decoding *d, const uint8_t *p, content *out) {
  const uint8_t *to = json_find_special(p, d->base.end);
  if (ICE_LIKELY(to < d->base.end && *to == '"')) {
    *out = (content){.text = ice_str_make((const char *)p, (size_t)(to - p)), .readable_end = d->base.end};
    return to + 1;
  }
  ice_bytes *text = &d->decoder->text;
  ice_bytes_clear(text);
  p = ice_json_unescape(&d->base, p, text);
  if (!p) {
    return NULL;
  }
  // What has an escape is not empty, so the text has an address.
  *out = (content){.text = ice_bytes_str(text), .readable_end = text->data + text->size};
  return p;
}

static const uint8_t *read_text_as(decoding *d, ice_column *column, const uint8_t *p) {
  const uint8_t *from = p;
  content read;
  bool fits;
  p = read_string(d, p + 1, &read);
  if (!p) {
    return NULL;
  }
  if (column->kind == ICE_KIND_STRING) {
    return after(d, ice_column_append_text_of(column, read.text.data, read.text.size, read.readable_end, d->base.err),
                 p);
  }
  ice_status status = ice_json_append_text_as(column, read.text, &d->decoder->decoded, &fits, d->base.err);
  if (status == ICE_OK && !fits) {
    return append_misfit(d, column, from, p);
  }
  return after(d, status, p);
}

static const uint8_t *read_number(decoding *d, ice_column *column, const uint8_t *p) {
  const uint8_t *from = p;
  json_number number;
  bool fits;
  p = ice_json_scan_number(&d->base, p, &number);
  if (!p) {
    return NULL;
  }
  ice_status status = ice_json_append_number(column, &number, &fits, d->base.err);
  if (status == ICE_OK && !fits) {
    return append_misfit(d, column, from, p);
  }
  return after(d, status, p);
}

// A value of another kind than the column's: as text it is what stands there, else it does not fit.
static const uint8_t *read_other(decoding *d, ice_column *column, const uint8_t *p) {
  const uint8_t *from = p;
  p = ice_json_skip_value(&d->base, p);
  if (!p) {
    return NULL;
  }
  if (column->kind != ICE_KIND_STRING) {
    return append_misfit(d, column, from, p);
  }
  return after(d, ice_column_append_text_of(column, from, (size_t)(p - from), d->base.end, d->base.err), p);
}

// Nested values -----------------------------------------------------------------------------------------------------

static inline bool is_next(const json_member *member, const uint8_t *p, const uint8_t *end) {
  size_t size = member->quoted.size;
  size_t left = (size_t)(end - p);
  if (ICE_UNLIKELY(left < sizeof member->head)) {
    return size != 0 && left >= size && memcmp(p, member->quoted.data, size) == 0;
  }
  if ((ice_load_u64le(p) & member->head_mask) != member->head) {
    return false;
  }
  return size <= sizeof member->head ||
         (left >= size && memcmp(p + sizeof member->head, member->quoted.data + sizeof member->head,
                                 size - sizeof member->head) == 0);
}

// The name whose opening quote is before `p`, and the colon behind it; `*index` is the member, or the member count.
static inline const uint8_t *read_name(decoding *d, const json_node *node, uint32_t expected, const uint8_t *p,
                                       uint32_t *index) {
  if (ICE_LIKELY(expected < node->member_count && is_next(&node->members[expected], p, d->base.end))) {
    *index = expected;
    p += node->members[expected].quoted.size;
  } else {
    content name;
    p = read_string(d, p, &name);
    if (!p) {
      return NULL;
    }
    *index = ice_json_member_find(node, name.text);
  }
  p = json_skip_space(&d->base, p);
  if (ICE_UNLIKELY(p == d->base.end || *p != ':')) {
    return ice_json_bad(&d->base, p, "a colon is expected");
  }
  return json_skip_space(&d->base, p + 1);
}

static const uint8_t *append_absent(decoding *d, const json_node *node, ice_column *columns, int64_t length,
                                    const uint8_t *p) {
  for (uint32_t i = 0; i < node->member_count; i++) {
    if (columns[i].length == length) {
      ice_status status = ice_column_append_null(&columns[i], d->base.err);
      if (status != ICE_OK || !take_extras(d, p, 1)) {
        return status == ICE_OK ? NULL : after(d, status, p);
      }
    }
  }
  return p;
}

// An object whose brace is before `p`: each of the node's members gets one value behind `length`.
static const uint8_t *read_members(decoding *d, json_node *node, ice_column *columns, int64_t length,
                                   const uint8_t *p) {
  uint32_t seen = 0;
  uint32_t *expected = &node->first;
  p = json_skip_space(&d->base, p);
  bool more = p == d->base.end || *p != '}';
  while (more) {
    uint32_t index = 0;
    if (ICE_UNLIKELY(p == d->base.end || *p != '"')) {
      return ice_json_bad(&d->base, p, "a name in quotes is expected");
    }
    p = read_name(d, node, *expected, p + 1, &index);
    if (p && index < node->member_count) {
      json_member *member = &node->members[index];
      if (ICE_UNLIKELY(columns[index].length != length)) {
        if (!forget_value(d, &columns[index], length, p)) {
          return NULL;
        }
        seen--;
      }
      seen++;
      *expected = index;
      expected = &member->next;
      p = read_value(d, &member->node, &columns[index], p);
    } else if (p) {
      p = ice_json_skip_value(&d->base, p);
    }
    if (ICE_UNLIKELY(!p)) {
      return NULL;
    }
    p = json_skip_space(&d->base, p);
    more = p < d->base.end && *p == ',';
    if (more) {
      p = json_skip_space(&d->base, p + 1);
    }
  }
  if (ICE_UNLIKELY(p == d->base.end || *p != '}')) {
    return ice_json_bad(&d->base, p, "a comma or } is expected");
  }
  return seen == node->member_count ? p + 1 : append_absent(d, node, columns, length, p + 1);
}

static const uint8_t *read_struct(decoding *d, json_node *node, ice_column *column, const uint8_t *p) {
  if (!ice_json_enter(&d->base, p)) {
    return NULL;
  }
  p = read_members(d, node, column->children, column->length, p + 1);
  d->base.depth--;
  return p ? after(d, ice_column_append_struct_end(column, d->base.err), p) : NULL;
}

static const uint8_t *read_element(decoding *d, json_node *node, ice_column *items, const uint8_t *p) {
  const uint8_t *from = p;
  p = read_value(d, node->item, items, p);
  if (p && node->exploded) {
    ice_json_span span = span_of(d, from, p);
    if (!take_extras(d, p, 1)) {
      return NULL;
    }
    p = after(d, ice_bytes_append(&d->notes->elements, &span, sizeof span, d->base.err), p);
  }
  return p;
}

static const uint8_t *read_items(decoding *d, json_node *node, ice_column *items, const uint8_t *p) {
  p = json_skip_space(&d->base, p);
  if (p < d->base.end && *p == ']') {
    return p + 1;
  }
  for (;;) {
    p = read_element(d, node, items, p);
    if (!p) {
      return NULL;
    }
    p = json_skip_space(&d->base, p);
    if (p == d->base.end || *p != ',') {
      break;
    }
    p = json_skip_space(&d->base, p + 1);
  }
  return p < d->base.end && *p == ']' ? p + 1 : ice_json_bad(&d->base, p, "a comma or ] is expected");
}

static const uint8_t *read_entries(decoding *d, json_node *node, ice_column *column, const uint8_t *p) {
  p = json_skip_space(&d->base, p);
  if (p < d->base.end && *p == '}') {
    return p + 1;
  }
  for (;;) {
    content name;
    if (p == d->base.end || *p != '"') {
      return ice_json_bad(&d->base, p, "a name in quotes is expected");
    }
    p = read_string(d, p + 1, &name);
    if (p) {
      p = after(d, ice_column_append_text(&column->children[0], name.text, d->base.err),
                json_skip_space(&d->base, p));
    }
    if (p && (p == d->base.end || *p != ':')) {
      return ice_json_bad(&d->base, p, "a colon is expected");
    }
    p = p ? read_value(d, node->item, &column->children[1], json_skip_space(&d->base, p + 1)) : NULL;
    if (!p) {
      return NULL;
    }
    p = json_skip_space(&d->base, p);
    if (p == d->base.end || *p != ',') {
      break;
    }
    p = json_skip_space(&d->base, p + 1);
  }
  return p < d->base.end && *p == '}' ? p + 1 : ice_json_bad(&d->base, p, "a comma or } is expected");
}

static const uint8_t *read_list_or_map(decoding *d, json_node *node, ice_column *column, const uint8_t *p) {
  ice_column *owner = d->owner;
  if (!ice_json_enter(&d->base, p)) {
    return NULL;
  }
  if (!owner && !node->exploded) {
    d->owner = column;
  }
  p = node->kind == ICE_KIND_LIST ? read_items(d, node, &column->children[0], p + 1)
                                  : read_entries(d, node, column, p + 1);
  d->owner = owner;
  d->base.depth--;
  return p ? after(d, ice_column_append_list_end(column, d->base.err), p) : NULL;
}

// The exploded array is the message's own: where it stands is kept for the dead letters of its elements, and what
// stands in its place spoils the message.
static const uint8_t *read_exploded(decoding *d, json_node *node, ice_column *column, const uint8_t *p) {
  const uint8_t *from = p;
  d->array_fits = *p == '[' || *p == 'n';
  if (*p == '[') {
    p = read_list_or_map(d, node, column, p);
  } else {
    p = ice_json_skip_value(&d->base, p);
    p = p ? after(d, ice_column_append_null(column, d->base.err), p) : NULL;
  }
  if (p) {
    d->array = span_of(d, from, p);
    d->array_column = column;
  }
  return p;
}

// Recursion ends at the depth of the tree and at ICE_JSON_DEPTH_MAX.
static const uint8_t *read_value(decoding *d, json_node *node, ice_column *column, const uint8_t *p) {
  if (ICE_UNLIKELY(p == d->base.end)) {
    return ice_json_bad(&d->base, p, "a value is expected");
  }
  if (node->exploded) {
    return read_exploded(d, node, column, p);
  }
  switch (*p) {
    case '"': return read_text_as(d, column, p);
    case 'n':
      p = ice_json_skip_literal(&d->base, p, "null");
      return p ? after(d, ice_column_append_null(column, d->base.err), p) : NULL;
    case 't':
    case 'f':
      if (node->kind == ICE_KIND_BOOLEAN) {
        bool yes = *p == 't';
        p = ice_json_skip_literal(&d->base, p, yes ? "true" : "false");
        return p ? after(d, ice_column_append_boolean(column, yes, d->base.err), p) : NULL;
      }
      break;
    case '{':
      if (node->kind == ICE_KIND_STRUCT) {
        return read_struct(d, node, column, p);
      }
      if (node->kind == ICE_KIND_MAP) {
        return read_list_or_map(d, node, column, p);
      }
      break;
    case '[':
      if (node->kind == ICE_KIND_LIST) {
        return read_list_or_map(d, node, column, p);
      }
      break;
    default:
      if (ice_json_is_numeric(node->kind)) {
        return read_number(d, column, p);
      }
      break;
  }
  return read_other(d, column, p);
}

// Messages ----------------------------------------------------------------------------------------------------------

static const uint8_t *read_message(decoding *d, ice_batch *batch, const uint8_t *p) {
  p = json_skip_space(&d->base, p);
  if (p == d->base.end || *p != '{') {
    return ice_json_bad(&d->base, p, p == d->base.end ? "there is no value" : "the message is no object");
  }
  d->base.depth = 1;
  p = read_members(d, &d->decoder->root, batch->columns, batch->row_count, p + 1);
  p = p ? json_skip_space(&d->base, p) : NULL;
  return p && p != d->base.end ? ice_json_bad(&d->base, p, "something follows the end of the message") : p;
}

// A sound message may still lack what makes rows of it.
static ice_status check_array(decoding *d) {
  enum { SHOWN_MAX = 200 };
  if (!d->decoder->explodes) {
    return ICE_OK;
  }
  if (!d->array_column) {
    return ice_error_set(d->base.err, ICE_NOT_FOUND, "the message has no such array");
  }
  if (!d->array_fits) {
    const char *text = (const char *)d->base.start + d->array.from;
    size_t size = d->array.to - d->array.from;
    size_t shown = ice_utf8_valid(text, size) ? ice_utf8_cut(text, size, SHOWN_MAX) : 0;
    return ice_error_set(d->base.err, ICE_INVALID_ARGUMENT, "%.*s%s", (int)shown, text, shown < size ? " (cut)" : "");
  }
  return ice_bytes_append(&d->notes->arrays, &d->array, sizeof d->array, d->base.err);
}

ice_status ice_json_decode(ice_json_decoder *decoder, ice_str data, ice_batch *batch, ice_json_notes *notes,
                           ice_error *err) {
  static const uint8_t nothing[1];
  const uint8_t *start = data.size == 0 ? nothing : (const uint8_t *)data.data;
  decoding d = {.base = {.start = start, .end = start + data.size, .err = err},
                .decoder = decoder,
                .notes = notes,
                .row = (uint32_t)batch->row_count,
                .first_fault = ice_json_fault_count(notes),
                .extras_left = ICE_JSON_EXTRAS_MAX};
  if (ICE_UNLIKELY(batch->schema != decoder->schema || data.size > TEXT_BYTES_MAX)) {
    return ice_error_set(err, ICE_INTERNAL, "the batch was made for another schema, or the message has 2 GiB");
  }
  size_t fault_size = notes->faults.size;
  size_t array_size = notes->arrays.size;
  size_t element_size = notes->elements.size;
  ice_status status = read_message(&d, batch, start) ? check_array(&d) : d.base.status;
  if (status == ICE_OK) {
    status = ice_batch_end_row(batch, err);
  }
  if (status != ICE_OK) {
    notes->faults.size = fault_size;
    notes->arrays.size = array_size;
    notes->elements.size = element_size;
  }
  return status;
}

ice_status ice_json_decoder_create(const ice_schema *schema, ice_str explode, ice_json_decoder **out,
                                   ice_error *err) {
  ice_status status = ICE_OK;
  *out = NULL;
  ice_json_decoder *decoder = calloc(1, sizeof *decoder);
  if (!decoder) {
    ICE_FAIL(ICE_NO_MEMORY, "out of memory for a JSON decoder");
  }
  ice_arena_init(&decoder->arena, PROGRAM_BYTES_MAX);
  ice_bytes_init(&decoder->text, TEXT_BYTES_MAX);
  ice_bytes_init(&decoder->decoded, TEXT_BYTES_MAX);
  decoder->schema = ice_schema_ref(schema);
  decoder->explodes = explode.size != 0;
  ICE_TRY(ice_schema_validate(schema, err));
  ICE_TRY(ice_json_program_compile(schema, explode, &decoder->arena, &decoder->root, err));
  *out = decoder;
  decoder = NULL;
done:
  ice_json_decoder_destroy(decoder);
  return status;
}

void ice_json_decoder_destroy(ice_json_decoder *decoder) {
  if (!decoder) {
    return;
  }
  ice_schema_unref(decoder->schema);
  ice_arena_deinit(&decoder->arena);
  ice_bytes_deinit(&decoder->text);
  ice_bytes_deinit(&decoder->decoded);
  free(decoder);
}

const ice_schema *ice_json_decoder_schema(const ice_json_decoder *decoder) { return decoder->schema; }
