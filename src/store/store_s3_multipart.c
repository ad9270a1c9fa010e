// An object that goes up in parts while it is written.
#include "codec/checksum.h"
#include "http/http_url.h"
#include "store/store_s3_upload_priv.h"
#include <stdlib.h>

enum { UPLOAD_ID_MAX = 2048 };

static void free_part(ice_s3_part *part) {
  ice_s3_request_deinit(&part->request);
  ice_bytes_deinit(&part->data);
  free(part);
}

static void remove_part(ice_s3_part *part) {
  ice_s3_part **link = &part->upload->parts;
  while (*link != part) {
    link = &(*link)->next;
  }
  *link = part->next;
  free_part(part);
}

static void free_multipart(ice_s3_multipart *self) {
  ice_s3_request_deinit(&self->request);
  free(self->location);
  free(self->id);
  free(self);
}

void ice_s3_multipart_forget(ice_s3_upload *self) {
  if (self->multipart) {
    free_multipart(self->multipart);
    self->multipart = NULL;
  }
}

// Giving up --------------------------------------------------------------------------------------------------------------

static void abort_done(ice_s3_request *request) { free_multipart(request->context); }

// Tells the server to forget the parts. Nobody waits for it: it goes out with whatever the store does next.
static void abort_multipart(ice_s3_multipart *self) {
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

void ice_s3_multipart_leave(ice_s3_upload *self) {
  ice_s3_multipart *left = self->multipart;
  self->multipart = NULL;
  while (self->parts) {
    remove_part(self->parts);
  }
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

// Parts ------------------------------------------------------------------------------------------------------------------

static ice_status append_manifest(const ice_s3_upload *self, ice_bytes *out, ice_error *err) {
  ice_status status = ICE_OK;
  ICE_TRY(ice_bytes_append_str(
      out, ICE_STR("<CompleteMultipartUpload xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">"), err));
  for (uint32_t i = 1; i <= self->part_count; i++) {
    char checksum[ICE_S3_CHECKSUM_SIZE + 1];
    ICE_TRY(ice_bytes_append_format(out, err, "<Part><PartNumber>%u</PartNumber><ETag>%s</ETag>", i,
                                    ice_s3_upload_receipt(self, i)->etag));
    if (!self->store->no_checksum) {
      ice_s3_checksum_text(ice_s3_upload_receipt(self, i)->crc32c, checksum);
      ICE_TRY(ice_bytes_append_format(out, err, "<ChecksumCRC32C>%s</ChecksumCRC32C>", checksum));
    }
    ICE_TRY(ice_bytes_append_str(out, ICE_STR("</Part>"), err));
  }
  ICE_TRY(ice_bytes_append_str(out, ICE_STR("</CompleteMultipartUpload>"), err));
done:
  return status;
}

static void complete_done(ice_s3_request *request) {
  ice_s3_upload *self = ((ice_s3_multipart *)request->context)->owner;
  ice_s3_completed completed;
  ice_error why;
  bool gone = request->status == ICE_NOT_FOUND || request->status == ICE_ALREADY_EXISTS;
  if (gone && request->maybe_applied) {
    ice_s3_upload_ask_whether_ours(self);
  } else if (request->status != ICE_OK) {
    ice_s3_upload_fail(self, &request->err);
  } else if (ice_s3_completed_read(ice_bytes_str(&request->response.body), &request->texts, &completed, &why) !=
             ICE_OK) {
    ice_error_prepend(&why, "CompleteMultipartUpload %s", self->location);
    ice_s3_upload_fail(self, &why);
  } else {
    ice_s3_likeness ours = ice_s3_likeness_of_parts(ice_s3_upload_receipt(self, 1), self->part_count);
    bool of_parts = ice_str_contains(completed.checksum_crc32c, ICE_STR("-"));
    if (of_parts && !ice_str_equal_c(completed.checksum_crc32c, ours.checksum)) {
      ice_s3_upload_fail_with(self, ICE_CORRUPT, "the server has other bytes than were sent: the checksums differ");
    } else {
      ice_s3_upload_finish(self);
    }
  }
}

static void complete(ice_s3_upload *self) {
  ice_s3_multipart *whole = self->multipart;
  ice_s3_request *request = &whole->request;
  ice_error why;
  ice_s3_request_deinit(request);
  ice_s3_request_init(request, self->store, "CompleteMultipartUpload", ICE_HTTP_POST, &whole->place,
                      ICE_S3_ANSWER_MAX);
  ice_bytes_clear(&self->buffer);
  self->buffer.size_max = ICE_S3_PARTS_MAX * (sizeof(ice_s3_receipt) + 128);
  ice_status status = ice_s3_request_format(request, &request->query, &why, "uploadId=%s", whole->id);
  if (status == ICE_OK) {
    status = append_manifest(self, &self->buffer, &why);
  }
  ice_s3_upload_account(self);
  if (status != ICE_OK) {
    ice_s3_upload_fail(self, &why);
    return;
  }
  request->body = ice_bytes_str(&self->buffer);
  request->if_absent = true;
  request->error_in_200 = true;
  request->done = complete_done;
  request->context = whole;
  ice_s3_request_submit(request);
}

void ice_s3_multipart_complete_when_ready(ice_s3_upload *self) {
  if (self->state == ICE_S3_UPLOAD_SENDING && self->multipart && self->multipart->id && !self->parts) {
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
  ice_s3_part *part = request->context;
  ice_s3_upload *self = part->upload;
  ice_s3_receipt *at = ice_s3_upload_receipt(self, part->number);
  at->crc32c = request->crc32c;
  if (request->status != ICE_OK) {
    ice_error why = request->err;
    ice_s3_upload_fail(self, &why);
  } else if (!ice_s3_upload_checksum_agrees(request)) {
    ice_s3_upload_fail_with(self, ICE_CORRUPT, "the server has other bytes than were sent: the checksums differ");
  } else if (!keep_etag(at, ice_http_response_header(&request->response, "etag"))) {
    ice_s3_upload_fail_with(self, ICE_CORRUPT, "the server took a part and gave no ETag for it");
  } else {
    remove_part(part);
    ice_s3_upload_account(self);
    ice_s3_multipart_complete_when_ready(self);
  }
}

// False when the upload failed, and the part is no more.
static bool send_part(ice_s3_part *part) {
  ice_s3_request *request = &part->request;
  ice_s3_upload *self = part->upload;
  ice_error why;
  if (ice_s3_request_format(request, &request->query, &why, "partNumber=%u&uploadId=%s", part->number,
                            self->multipart->id) != ICE_OK) {
    ice_s3_upload_fail(self, &why);
    return false;
  }
  ice_s3_request_submit(request);
  return true;
}

static ice_status take_id(ice_s3_multipart *whole, ice_error *err) {
  ice_s3_request *request = &whole->request;
  ice_str id;
  ice_bytes encoded;
  ice_bytes_init(&encoded, 3 * UPLOAD_ID_MAX + 1);
  ice_status status = ICE_OK;
  ICE_TRY(ice_s3_upload_id_read(ice_bytes_str(&request->response.body), &request->texts, &id, err));
  ICE_TRY(ice_http_url_encode(id, &encoded, err));
  whole->id = strndup((const char *)encoded.data, encoded.size);
  if (!whole->id) {
    ICE_FAIL(ICE_NO_MEMORY, "out of memory for an upload");
  }
done:
  if (status != ICE_OK) {
    ice_error_prepend(err, "%s %s", request->what, whole->location);
  }
  ice_bytes_deinit(&encoded);
  return status;
}

static void create_done(ice_s3_request *request) {
  ice_s3_multipart *whole = request->context;
  ice_error why = request->err;
  ice_status status = request->status == ICE_OK ? take_id(whole, &why) : request->status;
  if (whole->owner && status != ICE_OK) {
    ice_s3_upload_fail(whole->owner, &why);
  } else if (whole->owner) {
    for (ice_s3_part *part = whole->owner->parts; part && send_part(part); part = part->next) {
    }
  } else if (status == ICE_OK) {
    // Given up meanwhile.
    abort_multipart(whole);
  } else {
    free_multipart(whole);
  }
}

static ice_status begin_multipart(ice_s3_upload *self, ice_error *err) {
  ice_s3_multipart *whole = calloc(1, sizeof *whole);
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
ice_status ice_s3_multipart_flush(ice_s3_upload *self, ice_error *err) {
  const ice_s3_receipt none = {0};
  ice_s3_part *part = NULL;
  ice_status status = ICE_OK;
  if (self->part_count == ICE_S3_PARTS_MAX) {
    ICE_FAIL(ICE_LIMIT, "%s: more than %d parts of %zu bytes: raise the part size", self->location,
             (int)ICE_S3_PARTS_MAX, self->store->part_size);
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
  ice_s3_part **link = &self->parts;
  while (*link) {
    link = &(*link)->next;
  }
  *link = part;
  if (self->multipart->id) {
    (void)send_part(part);
  }
done:
  return status;
}
