// What an object that was written looks like from outside, so that it is known again when an answer was lost.
#include "base/checked.h"
#include "codec/checksum.h"
#include "store/store_s3_priv.h"
#include <openssl/evp.h>
#include <stdio.h>

enum { MD5_SIZE = ICE_S3_MD5_SIZE };

static void write_hex(const uint8_t digest[MD5_SIZE], char out[2 * MD5_SIZE + 1]) {
  for (size_t i = 0; i < MD5_SIZE; i++) {
    snprintf(out + 2 * i, 3, "%02x", digest[i]);
  }
}

ice_s3_likeness ice_s3_likeness_of_bytes(const void *data, size_t size) {
  ice_s3_likeness out = {0};
  uint8_t digest[EVP_MAX_MD_SIZE];
  ice_s3_checksum_text(ice_crc32c(0, data, size), out.checksum);
  if (EVP_Digest(data ? data : "", size, digest, NULL, EVP_md5(), NULL) == 1) {
    write_hex(digest, out.etag);
  }
  return out;
}

static ice_str without_quotes(ice_str text) {
  bool quoted = text.size >= 2 && text.data[0] == '"' && text.data[text.size - 1] == '"';
  return quoted ? ice_str_make(text.data + 1, text.size - 2) : text;
}

static bool read_md5(const char *etag, uint8_t out[MD5_SIZE]) {
  ice_str text = without_quotes(ice_str_of(etag));
  if (text.size != 2 * MD5_SIZE) {
    return false;
  }
  for (size_t i = 0; i < text.size; i++) {
    char c = text.data[i];
    int digit = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
    if (digit < 0) {
      return false;
    }
    out[i / 2] = (uint8_t)(i % 2 == 0 ? digit << 4 : out[i / 2] | digit);
  }
  return true;
}

ice_s3_likeness ice_s3_likeness_of_parts(const ice_s3_receipt *receipts, uint32_t count) {
  ice_s3_likeness out = {0};
  uint32_t crc32c = 0;
  uint8_t digest[EVP_MAX_MD_SIZE];
  EVP_MD_CTX *md5 = EVP_MD_CTX_new();
  bool all_md5 = md5 && EVP_DigestInit_ex(md5, EVP_md5(), NULL) == 1;
  for (uint32_t i = 0; i < count; i++) {
    uint8_t big[4];
    ice_store_u32be(big, receipts[i].crc32c);
    crc32c = ice_crc32c(crc32c, big, sizeof big);
    all_md5 = all_md5 && read_md5(receipts[i].etag, digest) && EVP_DigestUpdate(md5, digest, MD5_SIZE) == 1;
  }
  ice_s3_checksum_text(crc32c, out.checksum);
  snprintf(out.checksum + ICE_S3_CHECKSUM_SIZE, sizeof out.checksum - ICE_S3_CHECKSUM_SIZE, "-%u", count);
  if (all_md5 && EVP_DigestFinal_ex(md5, digest, NULL) == 1) {
    write_hex(digest, out.etag);
    snprintf(out.etag + 2 * MD5_SIZE, sizeof out.etag - 2 * MD5_SIZE, "-%u", count);
  }
  EVP_MD_CTX_free(md5);
  return out;
}

bool ice_s3_likeness_fits(const ice_s3_likeness *ours, int64_t size, const ice_http_response *response) {
  char length[24];
  snprintf(length, sizeof length, "%lld", (long long)size);
  ice_str checksum = ice_http_response_header(response, "x-amz-checksum-crc32c");
  ice_str etag = without_quotes(ice_http_response_header(response, "etag"));
  if (!ice_str_equal_c(ice_http_response_header(response, "content-length"), length)) {
    return false;
  }
  return ice_str_equal_c(checksum, ours->checksum) || (ours->etag[0] != '\0' && ice_str_equal_c(etag, ours->etag));
}
