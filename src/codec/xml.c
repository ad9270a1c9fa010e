#include "codec/xml.h"

#include "base/bytes.h"
#include "base/utf8.h"

typedef struct open_element {
  ice_str name;  ///< with its prefix, as the end has to repeat it
  size_t text_from;
} open_element;

typedef struct xml_reader {
  ice_str text;
  size_t at;
  open_element open[ICE_XML_DEPTH_MAX];
  size_t depth;
  bool ended;        ///< the root has
  ice_bytes values;  ///< the text of the open elements, one behind the other
  ice_xml_visit visit;
  void *context;
} xml_reader;

static ice_status corrupt(const xml_reader *self, const char *what, ice_error *err) {
  return ice_error_set(err, ICE_CORRUPT, "the answer is no XML that is read here: %s at byte %zu", what, self->at);
}

static bool looking_at(const xml_reader *self, ice_str what) {
  return ice_str_starts_with(ice_str_make(self->text.data + self->at, self->text.size - self->at), what);
}

// The place of the first `what` from here on; the end of the text where there is none.
static size_t find(const xml_reader *self, ice_str what) {
  const char *found = memmem(self->text.data + self->at, self->text.size - self->at, what.data, what.size);
  return found ? (size_t)(found - self->text.data) : self->text.size;
}

static bool is_space(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

static bool is_name(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-' ||
         c == '.' || c == ':' || (c & 0x80) != 0;
}

static ice_str read_name(xml_reader *self) {
  size_t from = self->at;
  while (self->at < self->text.size && is_name(self->text.data[self->at])) {
    self->at++;
  }
  return ice_str_make(self->text.data + from, self->at - from);
}

static ice_str local_name(ice_str name) {
  const char *colon = memchr(name.data, ':', name.size);
  size_t skip = colon ? (size_t)(colon - name.data) + 1 : 0;
  return ice_str_make(name.data + skip, name.size - skip);
}

// "&#x41;" and the like: the digits between '#' and ';'.
static bool read_code_point(ice_str digits, uint32_t *out) {
  bool hex = digits.size > 0 && digits.data[0] == 'x';
  uint32_t value = 0;
  if (digits.size == (hex ? 1 : 0)) {
    return false;
  }
  for (size_t i = hex ? 1 : 0; i < digits.size; i++) {
    char c = digits.data[i];
    uint32_t digit = c >= '0' && c <= '9'          ? (uint32_t)(c - '0')
                     : hex && c >= 'a' && c <= 'f' ? (uint32_t)(c - 'a') + 10
                     : hex && c >= 'A' && c <= 'F' ? (uint32_t)(c - 'A') + 10
                                                   : 16;
    if (digit == 16) {
      return false;
    }
    value = value * (hex ? 16 : 10) + digit;
    if (value > 0x10ffff) {
      return false;
    }
  }
  *out = value;
  return value != 0 && (value < 0xd800 || value > 0xdfff);
}

static ice_status read_entity(xml_reader *self, ice_error *err) {
  static const struct {
    ice_str name;
    char byte;
  } known[] = {{ICE_STR_INIT("amp"), '&'},
               {ICE_STR_INIT("lt"), '<'},
               {ICE_STR_INIT("gt"), '>'},
               {ICE_STR_INIT("quot"), '"'},
               {ICE_STR_INIT("apos"), '\''}};
  const size_t size_max = 10;
  size_t end = find(self, ICE_STR(";"));
  if (end == self->text.size || end - self->at > size_max) {
    return corrupt(self, "an entity without an end", err);
  }
  ice_str name = ice_str_make(self->text.data + self->at + 1, end - self->at - 1);
  uint32_t code_point;
  for (size_t i = 0; i < ICE_COUNT_OF(known); i++) {
    if (ice_str_equal(name, known[i].name)) {
      self->at = end + 1;
      return ice_bytes_append_u8(&self->values, (uint8_t)known[i].byte, err);
    }
  }
  if (name.size < 2 || name.data[0] != '#' ||
      !read_code_point(ice_str_make(name.data + 1, name.size - 1), &code_point)) {
    return corrupt(self, "an entity that is not XML's own", err);
  }
  uint8_t coded[4];
  self->at = end + 1;
  return ice_bytes_append(&self->values, coded, ice_utf8_encode(code_point, coded), err);
}

// Text up to the next '<'.
static ice_status read_text(xml_reader *self, ice_error *err) {
  ice_status status = ICE_OK;
  while (status == ICE_OK && self->at < self->text.size && self->text.data[self->at] != '<') {
    if (self->text.data[self->at] == '&') {
      status = self->depth > 0 ? read_entity(self, err) : corrupt(self, "text outside of the root", err);
      continue;
    }
    size_t from = self->at;
    while (self->at < self->text.size && self->text.data[self->at] != '<' && self->text.data[self->at] != '&') {
      if (self->depth == 0 && !is_space(self->text.data[self->at])) {
        return corrupt(self, "text outside of the root", err);
      }
      self->at++;
    }
    if (self->depth > 0) {
      status = ice_bytes_append(&self->values, self->text.data + from, self->at - from, err);
    }
  }
  return status;
}

static ice_status end_element(xml_reader *self, ice_error *err) {
  const open_element *top = &self->open[self->depth - 1];
  const ice_xml_element element = {
      .name = local_name(top->name),
      .parent = self->depth > 1 ? local_name(self->open[self->depth - 2].name) : (ice_str){0},
      .depth = self->depth - 1,
      .text = ice_str_make((const char *)self->values.data + top->text_from, self->values.size - top->text_from)};
  ice_status status = self->visit(self->context, &element, err);
  ice_bytes_truncate(&self->values, top->text_from);
  self->depth--;
  self->ended = self->depth == 0;
  return status;
}

static ice_status read_end_tag(xml_reader *self, ice_error *err) {
  self->at += 2;
  ice_str name = read_name(self);
  while (self->at < self->text.size && is_space(self->text.data[self->at])) {
    self->at++;
  }
  if (self->depth == 0 || !ice_str_equal(name, self->open[self->depth - 1].name) || !looking_at(self, ICE_STR(">"))) {
    return corrupt(self, "an end without its beginning", err);
  }
  self->at++;
  return end_element(self, err);
}

// The rest of a start tag behind its name. `*empty` is true for "<a/>".
static ice_status skip_attributes(xml_reader *self, bool *empty, ice_error *err) {
  while (self->at < self->text.size) {
    char c = self->text.data[self->at];
    if (c == '>' || looking_at(self, ICE_STR("/>"))) {
      *empty = c == '/';
      self->at += *empty ? 2 : 1;
      return ICE_OK;
    }
    if (c == '"' || c == '\'') {
      const char *end = memchr(self->text.data + self->at + 1, c, self->text.size - self->at - 1);
      if (!end) {
        break;
      }
      self->at = (size_t)(end - self->text.data);
    } else if (!is_space(c) && !is_name(c) && c != '=') {
      break;
    }
    self->at++;
  }
  return corrupt(self, "a tag that does not end", err);
}

static ice_status read_start_tag(xml_reader *self, ice_error *err) {
  bool empty = false;
  self->at++;
  ice_str name = read_name(self);
  if (local_name(name).size == 0 || self->ended) {
    return corrupt(self, "a tag that has no place here", err);
  }
  if (self->depth == ICE_XML_DEPTH_MAX) {
    return ice_error_set(err, ICE_LIMIT, "the answer's elements nest deeper than %d", (int)ICE_XML_DEPTH_MAX);
  }
  ice_status status = skip_attributes(self, &empty, err);
  if (status != ICE_OK) {
    return status;
  }
  self->open[self->depth++] = (open_element){.name = name, .text_from = self->values.size};
  return empty ? end_element(self, err) : ICE_OK;
}

static ice_status read_comment(xml_reader *self, ice_error *err) {
  size_t end = find(self, ICE_STR("-->"));
  if (end == self->text.size) {
    return corrupt(self, "a comment that does not end", err);
  }
  self->at = end + 3;
  return ICE_OK;
}

static void skip_declaration(xml_reader *self) {
  if (looking_at(self, ICE_STR("\xef\xbb\xbf"))) {
    self->at += 3;
  }
  // Servers send white space so that nobody takes them for dead.
  while (self->at < self->text.size && is_space(self->text.data[self->at])) {
    self->at++;
  }
  if (looking_at(self, ICE_STR("<?xml"))) {
    size_t end = find(self, ICE_STR("?>"));
    self->at = end == self->text.size ? end : end + 2;
  }
}

ice_status ice_xml_read(ice_str text, ice_xml_visit visit, void *context, ice_error *err) {
  xml_reader self = {.text = text, .visit = visit, .context = context};
  ice_bytes_init(&self.values, ICE_XML_TEXT_MAX);
  ice_status status = ICE_OK;
  // So that the view of an element without text is a view of something.
  ICE_TRY(ice_bytes_reserve(&self.values, 1, err));
  skip_declaration(&self);
  while (self.at < text.size) {
    ICE_TRY(read_text(&self, err));
    if (self.at == text.size) {
      break;
    }
    ICE_TRY(looking_at(&self, ICE_STR("</"))     ? read_end_tag(&self, err)
            : looking_at(&self, ICE_STR("<!--")) ? read_comment(&self, err)
                                                 : read_start_tag(&self, err));
  }
  if (!self.ended) {
    status = corrupt(&self, "an early end", err);
  }
done:
  ice_bytes_deinit(&self.values);
  return status;
}
