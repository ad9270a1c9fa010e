// One object on its way up: a single PUT when it is small, parts that go out while it is written when it is not.
#include "codec/checksum.h"
#include "http/http_url.h"
#include "store/store_s3_priv.h"
#include <stdlib.h>

enum { PARTS_MAX = 10000, UPLOAD_ID_MAX = 2048, DRIVE_EVERY_US = 2000 };

typedef struct s3_upload s3_upload;

typedef struct s3_part {
  ice_s3_request request;
  ice_bytes data;
  uint32_t number;  ///< from 1
  s3_upload *upload;
  struct s3_part *next;
} s3_part;

/// A multipart upload as the server knows it. It outlives an upload that is given up, until it is aborted.
typedef struct multipart {
  ice_s3_request request;  ///< creates it, then completes or aborts it
  char *location;
  ice_s3_place place;
  char *id;  ///< encoded for a query; NULL until the server gave one
  s3_upload *owner;
} multipart;

typedef enum upload_state { WRITING, SENDING, SENT, BROKEN } upload_state;

struct s3_upload {
  ice_upload base;
  ice_s3_store *store;
  char *location;
  ice_s3_place place;
  upload_state state;
  ice_error failure;
  ice_bytes buffer;
  size_t held;  ///< of the store's count
  int64_t size;
  ice_s3_request put;    ///< the whole object, or the question whether it is there
  multipart *multipart;  ///< NULL while one PUT may do
  s3_part *parts;        ///< on their way
  ice_bytes receipts;
  uint32_t part_count;
};

static s3_upload *upload_of(ice_upload *upload) { return (s3_upload *)(void *)upload; }
static ice_s3_receipt *receipt_of(const s3_upload *self, uint32_t number) {
  return (ice_s3_receipt *)(void *)self->receipts.data + (number - 1);
}

// Memory ---------------------------------------------------------------------------------------------------------------

static void account(s3_upload *self) {
  size_t now = self->buffer.capacity + self->receipts.capacity;
  for (const s3_part *part = self->parts; part; part = part->next) {
    now += part->data.capacity;
  }
  ice_budget_add(self->store->budget, (int64_t)now - (int64_t)self->held);
  self->store->held = self->store->held - self->held + now;
  self->held = now;
}

static void free_part(s3_part *part) {
  ice_s3_request_deinit(&part->request);
  ice_bytes_deinit(&part->data);
  free(part);
}

static void remove_part(s3_part *part) {
  s3_part **link = &part->upload->parts;
  while (*link != part) {
    link = &(*link)->next;
  }
  *link = part->next;
  free_part(part);
}

static void free_multipart(multipart *self) {
  ice_s3_request_deinit(&self->request);
  free(self->location);
  free(self->id);
  free(self);
}

// Giving up --------------------------------------------------------------------------------------------------------------

static void abort_done(ice_s3_request *request) { free_multipart(request->context); }

// Tells the server to forget the parts. Nobody waits for it: it goes out with whatever the store does next.
static void abort_multipart(multipart *self) {
  ice_s3_store *store = self->request.store;
  ice_s3_request_deinit(&self->request);
  ice_s3_request_init(&self->request, store, "AbortMultipartUpload", ICE_HTTP_DELETE, &self->place,
                      ICE_S3_ANSWER_MAX);
  self->request.done = abort_done;
  self->request.context = self;
  if (ice_s3_request_format(&self->request, &self->request.query, NULL, "uploadId=%s", self->id) != ICE_OK) {
    free_multipart(self);
    return;
  }
  ice_s3_request_submit(&self->request);
}

static void leave_multipart(s3_upload *self) {
  multipart *left = self->multipart;
  self->multipart = NULL;
  if (!left) {
    return;
  }
  left->owner = NULL;
  if (left->id) {
    abort_multipart(left);
  } else if (left->request.state == ICE_S3_REQUEST_NEW || left->request.state == ICE_S3_REQUEST_DONE) {
    free_multipart(left);
  }
  // Otherwise the server has been asked for an id: create_done aborts what it gives.
}

static void release(s3_upload *self) {
  while (self->parts) {
    remove_part(self->parts);
  }
  ice_s3_request_deinit(&self->put);
  ice_bytes_deinit(&self->buffer);
  ice_bytes_deinit(&self->receipts);
  account(self);
  leave_multipart(self);
}

static void fail(s3_upload *self, const ice_error *why) {
  if (self->state != BROKEN) {
    self->failure = *why;
    self->state = BROKEN;
    release(self);
  }
}

static void fail_with(s3_upload *self, ice_status status, const char *what) {
  ice_error why;
  ice_error_set(&why, status, "%s: %s", self->location, what);
  fail(self, &why);
}

// Whether an object that is there is this one --------------------------------------------------------------------------

static ice_s3_likeness likeness_of(const s3_upload *self) {
  return self->multipart ? ice_s3_likeness_of_parts(receipt_of(self, 1), self->part_count)
                         : ice_s3_likeness_of_bytes(self->buffer.data, self->buffer.size);
}

static void finish_upload(s3_upload *self) {
  // Nothing is left to be aborted.
  if (self->multipart) {
    free_multipart(self->multipart);
    self->multipart = NULL;
  }
  self->state = SENT;
  release(self);
}

static void question_done(ice_s3_request *request) {
  s3_upload *self = request->context;
  ice_s3_likeness ours = likeness_of(self);
  if (request->status == ICE_OK && ice_s3_likeness_fits(&ours, self->size, &request->response)) {
    finish_upload(self);
  } else if (request->status == ICE_OK) {
    fail_with(self, ICE_ALREADY_EXISTS, "is there already, and is another object");
  } else {
    fail(self, &request->err);
  }
}

// An attempt whose answer was lost may have made the object; then what is there is ours.
static void ask_whether_ours(s3_upload *self) {
  ice_s3_request_deinit(&self->put);
  ice_s3_request_init(&self->put, self->store, "HeadObject", ICE_HTTP_HEAD, &self->place, ICE_S3_ANSWER_MAX);
  ice_s3_request_add_header(&self->put, ICE_STR("x-amz-checksum-mode"), ICE_STR("ENABLED"));
  self->put.done = question_done;
  self->put.context = self;
  ice_s3_request_submit(&self->put);
}

// One PUT ----------------------------------------------------------------------------------------------------------------

// What the server says it has must be what was sent.
static bool checksum_agrees(const ice_s3_request *request) {
  char ours[ICE_S3_CHECKSUM_SIZE + 1];
  ice_str theirs = ice_http_response_header(&request->response, "x-amz-checksum-crc32c");
  ice_s3_checksum_text(request->crc32c, ours);
  return theirs.size == 0 || ice_str_equal_c(theirs, ours);
}

static void put_done(ice_s3_request *request) {
  s3_upload *self = request->context;
  if (request->status == ICE_ALREADY_EXISTS && request->maybe_applied) {
    ask_whether_ours(self);
  } else if (request->status != ICE_OK) {
    fail(self, &request->err);
  } else if (!checksum_agrees(request)) {
    fail_with(self, ICE_CORRUPT, "the server has other bytes than were sent: the checksums differ");
  } else {
    finish_upload(self);
  }
}

static void put_whole(s3_upload *self) {
  ice_s3_request_init(&self->put, self->store, "PutObject", ICE_HTTP_PUT, &self->place, ICE_S3_ANSWER_MAX);
  self->put.body = ice_bytes_str(&self->buffer);
  self->put.if_absent = true;
  self->put.has_checksum = true;
  self->put.crc32c = ice_crc32c(0, self->buffer.data, self->buffer.size);
  self->put.done = put_done;
  self->put.context = self;
  ice_s3_request_submit(&self->put);
}

// Parts ------------------------------------------------------------------------------------------------------------------

static ice_status append_manifest(const s3_upload *self, ice_bytes *out, ice_error *err) {
  ice_status status = ICE_OK;
  ICE_TRY(ice_bytes_append_str(
      out, ICE_STR("<CompleteMultipartUpload xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">"), err));
  for (uint32_t i = 1; i <= self->part_count; i++) {
    char checksum[ICE_S3_CHECKSUM_SIZE + 1];
    ICE_TRY(ice_bytes_append_format(out, err, "<Part><PartNumber>%u</PartNumber><ETag>%s</ETag>", i,
                                    receipt_of(self, i)->etag));
    if (!self->store->no_checksum) {
      ice_s3_checksum_text(receipt_of(self, i)->crc32c, checksum);
      ICE_TRY(ice_bytes_append_format(out, err, "<ChecksumCRC32C>%s</ChecksumCRC32C>", checksum));
    }
    ICE_TRY(ice_bytes_append_str(out, ICE_STR("</Part>"), err));
  }
  ICE_TRY(ice_bytes_append_str(out, ICE_STR("</CompleteMultipartUpload>"), err));
done:
  return status;
}

static void complete_done(ice_s3_request *request) {
  s3_upload *self = ((multipart *)request->context)->owner;
  ice_s3_completed completed;
  ice_error why;
  bool gone = request->status == ICE_NOT_FOUND || request->status == ICE_ALREADY_EXISTS;
  if (gone && request->maybe_applied) {
    ask_whether_ours(self);
  } else if (request->status != ICE_OK) {
    fail(self, &request->err);
  } else if (ice_s3_completed_read(ice_bytes_str(&request->response.body), &request->texts, &completed, &why) !=
             ICE_OK) {
    ice_error_prepend(&why, "CompleteMultipartUpload %s", self->location);
    fail(self, &why);
  } else {
    ice_s3_likeness ours = likeness_of(self);
    bool of_parts = ice_str_contains(completed.checksum_crc32c, ICE_STR("-"));
    if (of_parts && !ice_str_equal_c(completed.checksum_crc32c, ours.checksum)) {
      fail_with(self, ICE_CORRUPT, "the server has other bytes than were sent: the checksums differ");
    } else {
      finish_upload(self);
    }
  }
}

static void complete(s3_upload *self) {
  multipart *whole = self->multipart;
  ice_s3_request *request = &whole->request;
  ice_error why;
  ice_s3_request_deinit(request);
  ice_s3_request_init(request, self->store, "CompleteMultipartUpload", ICE_HTTP_POST, &whole->place,
                      ICE_S3_ANSWER_MAX);
  ice_bytes_clear(&self->buffer);
  self->buffer.size_max = PARTS_MAX * (sizeof(ice_s3_receipt) + 128);
  ice_status status = ice_s3_request_format(request, &request->query, &why, "uploadId=%s", whole->id);
  if (status == ICE_OK) {
    status = append_manifest(self, &self->buffer, &why);
  }
  account(self);
  if (status != ICE_OK) {
    fail(self, &why);
    return;
  }
  request->body = ice_bytes_str(&self->buffer);
  request->if_absent = true;
  request->error_in_200 = true;
  request->done = complete_done;
  request->context = whole;
  ice_s3_request_submit(request);
}

static void complete_when_ready(s3_upload *self) {
  if (self->state == SENDING && self->multipart && self->multipart->id && !self->parts) {
    complete(self);
  }
}

// An ETag goes into XML and comes from outside: what is no such thing is refused.
static bool keep_etag(ice_s3_receipt *out, ice_str etag) {
  if (etag.size == 0 || etag.size > ICE_S3_ETAG_MAX) {
    return false;
  }
  for (size_t i = 0; i < etag.size; i++) {
    unsigned char c = (unsigned char)etag.data[i];
    if (c <= ' ' || c >= 0x7f || c == '<' || c == '>' || c == '&') {
      return false;
    }
  }
  memcpy(out->etag, etag.data, etag.size);
  out->etag[etag.size] = '\0';
  return true;
}

static void part_done(ice_s3_request *request) {
  s3_part *part = request->context;
  s3_upload *self = part->upload;
  ice_s3_receipt *at = receipt_of(self, part->number);
  at->crc32c = request->crc32c;
  if (request->status != ICE_OK) {
    ice_error why = request->err;
    fail(self, &why);
  } else if (!checksum_agrees(request)) {
    fail_with(self, ICE_CORRUPT, "the server has other bytes than were sent: the checksums differ");
  } else if (!keep_etag(at, ice_http_response_header(&request->response, "etag"))) {
    fail_with(self, ICE_CORRUPT, "the server took a part and gave no ETag for it");
  } else {
    remove_part(part);
    account(self);
    complete_when_ready(self);
  }
}

static void send_part(s3_part *part) {
  ice_s3_request *request = &part->request;
  s3_upload *self = part->upload;
  ice_error why;
  if (ice_s3_request_format(request, &request->query, &why, "partNumber=%u&uploadId=%s", part->number,
                            self->multipart->id) != ICE_OK) {
    fail(self, &why);
    return;
  }
  ice_s3_request_submit(request);
}

static void create_done(ice_s3_request *request) {
  multipart *whole = request->context;
  s3_upload *self = whole->owner;
  ice_str id;
  ice_error why = request->err;
  ice_bytes encoded;
  ice_bytes_init(&encoded, 3 * UPLOAD_ID_MAX + 1);
  ice_status status = request->status;
  if (status == ICE_OK) {
    status = ice_s3_upload_id_read(ice_bytes_str(&request->response.body), &request->texts, &id, &why);
  }
  if (status == ICE_OK) {
    status = ice_http_url_encode(id, &encoded, &why);
  }
  if (status == ICE_OK) {
    whole->id = strndup((const char *)encoded.data, encoded.size);
  }
  ice_bytes_deinit(&encoded);
  if (!self) {
    if (whole->id) {
      abort_multipart(whole);
    } else {
      free_multipart(whole);
    }
    return;
  }
  if (!whole->id) {
    if (status == ICE_OK) {
      ice_error_set(&why, ICE_NO_MEMORY, "out of memory for an upload");
    }
    fail(self, &why);
    return;
  }
  for (s3_part *part = self->parts; part && self->state != BROKEN; part = part->next) {
    send_part(part);
  }
}

static ice_status begin_multipart(s3_upload *self, ice_error *err) {
  multipart *whole = calloc(1, sizeof *whole);
  ice_status status = ICE_OK;
  if (whole) {
    whole->location = strdup(self->location);
  }
  if (!whole || !whole->location) {
    ICE_FAIL(ICE_NO_MEMORY, "out of memory for an upload");
  }
  ICE_TRY(ice_s3_place_read(ice_str_of(whole->location), false, &whole->place, err));
  whole->owner = self;
  ice_s3_request_init(&whole->request, self->store, "CreateMultipartUpload", ICE_HTTP_POST, &whole->place,
                      ICE_S3_ANSWER_MAX);
  whole->request.query = ICE_STR("uploads=");
  whole->request.names_checksum = true;
  whole->request.done = create_done;
  whole->request.context = whole;
  ice_s3_request_submit(&whole->request);
  self->multipart = whole;
  whole = NULL;
done:
  if (whole) {
    free(whole->location);
    free(whole);
  }
  return status;
}

// Hands the buffer over as the next part.
static ice_status flush_part(s3_upload *self, ice_error *err) {
  const ice_s3_receipt none = {0};
  s3_part *part = NULL;
  ice_status status = ICE_OK;
  if (self->part_count == PARTS_MAX) {
    ICE_FAIL(ICE_LIMIT, "%s: more than %d parts of %zu bytes: raise the part size", self->location, (int)PARTS_MAX,
             self->store->part_size);
  }
  if (!self->multipart) {
    ICE_TRY(begin_multipart(self, err));
  }
  ICE_TRY(ice_bytes_append(&self->receipts, &none, sizeof none, err));
  part = calloc(1, sizeof *part);
  if (!part) {
    ICE_FAIL(ICE_NO_MEMORY, "out of memory for a part");
  }
  part->data = self->buffer;
  ice_bytes_init(&self->buffer, self->store->part_size);
  part->number = ++self->part_count;
  part->upload = self;
  ice_s3_request_init(&part->request, self->store, "UploadPart", ICE_HTTP_PUT, &self->place, ICE_S3_ANSWER_MAX);
  part->request.body = ice_bytes_str(&part->data);
  part->request.has_checksum = true;
  part->request.crc32c = ice_crc32c(0, part->data.data, part->data.size);
  part->request.done = part_done;
  part->request.context = part;
  // In the order of the parts, so that they go out in it.
  s3_part **link = &self->parts;
  while (*link) {
    link = &(*link)->next;
  }
  *link = part;
  if (self->multipart->id) {
    send_part(part);
  }
done:
  return status;
}

// The interface ----------------------------------------------------------------------------------------------------------

static ice_status failure_of(const s3_upload *self, ice_error *err) {
  if (err) {
    *err = self->failure;
  }
  return self->failure.status;
}

// Waits while uploads hold more than they may; they get there by themselves, but for what is only buffered.
static ice_status hold_back(s3_upload *self, ice_error *err) {
  ice_s3_store *store = self->store;
  ice_status status = ICE_OK;
  int64_t now_us = store->port->clock.monotonic_us(store->port->clock.context);
  if (store->first && now_us - store->driven_at_us > DRIVE_EVERY_US) {
    ICE_TRY(ice_s3_drive(store, 0, err));
  }
  while (store->held > store->upload_bytes_max && store->first && self->state != BROKEN) {
    ICE_TRY(ice_s3_drive(store, ICE_S3_DRIVE_MS, err));
  }
done:
  return status;
}

static ice_status upload_write(ice_upload *upload, const void *data, size_t size, ice_error *err) {
  s3_upload *self = upload_of(upload);
  const uint8_t *from = data;
  ice_status status = ICE_OK;
  if (self->state != WRITING && self->state != BROKEN) {
    ICE_FAIL(ICE_INVALID_STATE, "%s has been submitted", self->location);
  }
  while (size > 0 && self->state == WRITING) {
    size_t room = self->store->part_size - self->buffer.size;
    size_t now = size < room ? size : room;
    ICE_TRY(ice_bytes_append(&self->buffer, from, now, err));
    from += now;
    size -= now;
    self->size += (int64_t)now;
    if (self->buffer.size == self->store->part_size) {
      ICE_TRY(flush_part(self, err));
    }
    account(self);
    ICE_TRY(hold_back(self, err));
  }
  status = self->state == BROKEN ? failure_of(self, err) : ICE_OK;
done:
  return status;
}

static ice_status upload_submit(ice_upload *upload, ice_error *err) {
  s3_upload *self = upload_of(upload);
  ice_status status = ICE_OK;
  if (self->state == BROKEN) {
    return failure_of(self, err);
  }
  if (self->state != WRITING) {
    ICE_FAIL(ICE_INVALID_STATE, "%s has been submitted", self->location);
  }
  self->state = SENDING;
  if (!self->multipart) {
    put_whole(self);
  } else {
    ICE_TRY(self->buffer.size > 0 ? flush_part(self, err) : ICE_OK);
    complete_when_ready(self);
  }
  account(self);
  ICE_TRY(hold_back(self, err));
  status = self->state == BROKEN ? failure_of(self, err) : ICE_OK;
done:
  return status;
}

static ice_status upload_poll(ice_upload *upload, bool *complete_now, ice_error *err) {
  s3_upload *self = upload_of(upload);
  ice_status status = ICE_OK;
  *complete_now = false;
  if (self->state == WRITING) {
    ICE_FAIL(ICE_INVALID_STATE, "%s has not been submitted", self->location);
  }
  if (self->state == SENDING) {
    ICE_TRY(ice_s3_drive(self->store, ICE_S3_DRIVE_MS, err));
  }
  *complete_now = self->state == SENT;
  status = self->state == BROKEN ? failure_of(self, err) : ICE_OK;
done:
  return status;
}

static void upload_destroy(ice_upload *upload) {
  s3_upload *self = upload_of(upload);
  release(self);
  free(self->location);
  free(self);
}

static const ice_upload_interface upload_interface = {
    .write = upload_write, .submit = upload_submit, .poll = upload_poll, .destroy = upload_destroy};

ice_status ice_s3_upload_create(ice_s3_store *store, const ice_s3_place *place, ice_upload **out, ice_error *err) {
  *out = NULL;
  s3_upload *self = calloc(1, sizeof *self);
  ice_status status = ICE_OK;
  if (self) {
    self->location = strndup(place->location.data, place->location.size);
  }
  if (!self || !self->location) {
    ICE_FAIL(ICE_NO_MEMORY, "out of memory for an upload");
  }
  ICE_TRY(ice_s3_place_read(ice_str_of(self->location), false, &self->place, err));
  self->base.interface = &upload_interface;
  self->store = store;
  ice_bytes_init(&self->buffer, store->part_size);
  ice_bytes_init(&self->receipts, PARTS_MAX * sizeof(ice_s3_receipt));
  *out = &self->base;
  self = NULL;
done:
  if (self) {
    free(self->location);
    free(self);
  }
  return status;
}
