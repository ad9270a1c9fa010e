#include "store/store_s3_answer.h"

#include "base/bytes.h"
#include "base/number.h"
#include "codec/iso8601.h"
#include "codec/xml.h"

typedef struct answer {
  ice_arena *arena;
  ice_str root;
  ice_str *texts;  ///< what is looked for, beside the names below
  const ice_str *names;
  size_t count;
} answer;

// Takes the texts of some of the root's children.
static ice_status take_child(void *context, const ice_xml_element *element, ice_error *err) {
  answer *self = context;
  if (element->depth == 0) {
    return ice_arena_copy_str(self->arena, element->name, &self->root, err);
  }
  for (size_t i = 0; element->depth == 1 && i < self->count; i++) {
    if (ice_str_equal(element->name, self->names[i])) {
      return ice_arena_copy_str(self->arena, element->text, &self->texts[i], err);
    }
  }
  return ICE_OK;
}

static ice_status read_children(ice_str text, ice_arena *arena, ice_str root, const ice_str *names, ice_str *texts,
                                size_t count, ice_error *err) {
  answer self = {.arena = arena, .texts = texts, .names = names, .count = count};
  memset(texts, 0, count * sizeof *texts);
  ice_status status = ice_xml_read(text, take_child, &self, err);
  if (status == ICE_OK && !ice_str_equal(self.root, root)) {
    status = ice_error_set(err, ICE_CORRUPT, "the answer is a <%.*s>, expected a <%.*s>", ICE_STR_ARG(self.root),
                           ICE_STR_ARG(root));
  }
  return status;
}

ice_status ice_s3_problem_read(ice_str text, ice_arena *arena, ice_s3_problem *out, ice_error *err) {
  static const ice_str names[] = {ICE_STR_INIT("Code"), ICE_STR_INIT("Message"), ICE_STR_INIT("Region"),
                                  ICE_STR_INIT("Header")};
  ice_str texts[ICE_COUNT_OF(names)];
  *out = (ice_s3_problem){0};
  ice_status status = read_children(text, arena, ICE_STR("Error"), names, texts, ICE_COUNT_OF(names), err);
  if (status == ICE_OK) {
    *out = (ice_s3_problem){.code = texts[0], .message = texts[1], .region = texts[2], .header = texts[3]};
  }
  return status;
}

ice_status ice_s3_upload_id_read(ice_str text, ice_arena *arena, ice_str *out, ice_error *err) {
  static const ice_str name = ICE_STR_INIT("UploadId");
  ice_status status = read_children(text, arena, ICE_STR("InitiateMultipartUploadResult"), &name, out, 1, err);
  if (status == ICE_OK && out->size == 0) {
    status = ice_error_set(err, ICE_CORRUPT, "the answer has no UploadId");
  }
  return status;
}

ice_status ice_s3_completed_read(ice_str text, ice_arena *arena, ice_s3_completed *out, ice_error *err) {
  static const ice_str names[] = {ICE_STR_INIT("ETag"), ICE_STR_INIT("ChecksumCRC32C")};
  ice_str texts[ICE_COUNT_OF(names)];
  *out = (ice_s3_completed){0};
  ice_status status =
      read_children(text, arena, ICE_STR("CompleteMultipartUploadResult"), names, texts, ICE_COUNT_OF(names), err);
  if (status == ICE_OK) {
    *out = (ice_s3_completed){.etag = texts[0], .checksum_crc32c = texts[1]};
  }
  return status;
}

// ListObjectsV2 ---------------------------------------------------------------------------------------------------------

typedef struct listing {
  ice_arena *arena;
  ice_s3_page *page;
  ice_bytes objects;
  ice_s3_listed current;
  bool encoded;
  bool is_list;
} listing;

static ice_status take_field(listing *self, const ice_xml_element *element, ice_error *err) {
  if (ice_str_equal(element->name, ICE_STR("Key"))) {
    return ice_arena_copy_str(self->arena, element->text, &self->current.key, err);
  }
  bool sound = true;
  if (ice_str_equal(element->name, ICE_STR("Size"))) {
    sound = ice_number_parse_count(element->text, &self->current.size);
  } else if (ice_str_equal(element->name, ICE_STR("LastModified"))) {
    sound = ice_iso8601_parse_timestamp(element->text, &self->current.modified_us);
  }
  return sound ? ICE_OK
               : ice_error_set(err, ICE_CORRUPT, "the list of objects has a <%.*s> that is none",
                               ICE_STR_ARG(element->name));
}

static ice_status take_object(listing *self, ice_error *err) {
  const ice_s3_listed none = {.size = -1};
  if (self->current.key.size == 0 || self->current.size < 0) {
    return ice_error_set(err, ICE_CORRUPT, "the list of objects has one without name or size");
  }
  ice_status status = ice_bytes_append(&self->objects, &self->current, sizeof self->current, err);
  self->current = none;
  return status;
}

static ice_status take_element(void *context, const ice_xml_element *element, ice_error *err) {
  listing *self = context;
  if (element->depth == 2 && ice_str_equal(element->parent, ICE_STR("Contents"))) {
    return take_field(self, element, err);
  }
  if (element->depth == 1 && ice_str_equal(element->name, ICE_STR("Contents"))) {
    return take_object(self, err);
  }
  if (element->depth == 1 && ice_str_equal(element->name, ICE_STR("IsTruncated"))) {
    self->page->truncated = ice_str_equal(element->text, ICE_STR("true"));
  } else if (element->depth == 1 && ice_str_equal(element->name, ICE_STR("NextContinuationToken"))) {
    return ice_arena_copy_str(self->arena, element->text, &self->page->token, err);
  } else if (element->depth == 1 && ice_str_equal(element->name, ICE_STR("EncodingType"))) {
    self->encoded = ice_str_equal(element->text, ICE_STR("url"));
  } else if (element->depth == 0) {
    self->is_list = ice_str_equal(element->name, ICE_STR("ListBucketResult"));
  }
  return ICE_OK;
}

static int hex_digit(char c) {
  return c >= '0' && c <= '9'   ? c - '0'
         : c >= 'a' && c <= 'f' ? c - 'a' + 10
         : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                : -1;
}

// Decodes in place: the text is the arena's and never grows.
static bool decode(char *data, size_t *size) {
  size_t out = 0;
  for (size_t i = 0; i < *size; i++) {
    if (data[i] != '%') {
      data[out++] = (char)(data[i] == '+' ? ' ' : data[i]);
      continue;
    }
    int high = i + 2 < *size ? hex_digit(data[i + 1]) : -1;
    int low = high >= 0 ? hex_digit(data[i + 2]) : -1;
    if (low < 0) {
      return false;
    }
    data[out++] = (char)(high * 16 + low);
    i += 2;
  }
  *size = out;
  return true;
}

static ice_status decode_keys(const ice_s3_page *page, ice_arena *arena, ice_error *err) {
  ice_status status = ICE_OK;
  for (size_t i = 0; i < page->count; i++) {
    ice_str *key = &page->objects[i].key;
    char *data = ice_arena_alloc(arena, key->size, err);
    size_t size = key->size;
    if (!data) {
      status = err ? err->status : ICE_NO_MEMORY;
      goto done;
    }
    memcpy(data, key->data, size);
    if (!decode(data, &size)) {
      ICE_FAIL(ICE_CORRUPT, "the list of objects has a name with a '%%' that is no %%XX");
    }
    *key = ice_str_make(data, size);
  }
done:
  return status;
}

ice_status ice_s3_page_read(ice_str text, ice_arena *arena, ice_s3_page *out, ice_error *err) {
  listing self = {.arena = arena, .page = out, .current = {.size = -1}};
  *out = (ice_s3_page){0};
  ice_bytes_init(&self.objects, ICE_S3_LIST_OBJECTS_MAX * sizeof(ice_s3_listed));
  ice_status status = ICE_OK;
  ICE_TRY(ice_xml_read(text, take_element, &self, err));
  if (!self.is_list) {
    ICE_FAIL(ICE_CORRUPT, "the answer is no <ListBucketResult>");
  }
  if (out->truncated && out->token.size == 0) {
    ICE_FAIL(ICE_CORRUPT, "the list of objects goes on and does not say where");
  }
  out->count = self.objects.size / sizeof(ice_s3_listed);
  out->objects = ice_arena_alloc_array(arena, out->count, sizeof(ice_s3_listed), err);
  if (!out->objects) {
    status = err ? err->status : ICE_NO_MEMORY;
    goto done;
  }
  if (out->count > 0) {
    memcpy(out->objects, self.objects.data, self.objects.size);
  }
  ICE_TRY(self.encoded ? decode_keys(out, arena, err) : ICE_OK);
done:
  ice_bytes_deinit(&self.objects);
  if (status != ICE_OK) {
    *out = (ice_s3_page){0};
  }
  return status;
}
