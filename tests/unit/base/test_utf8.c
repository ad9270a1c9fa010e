#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/utf8.h"
#include <string.h>

// RFC 3629, section 4 (ABNF), written out as ranges: what a lead byte lets follow.
typedef struct form {
  uint8_t lead_from, lead_to;
  uint8_t size;
  uint8_t second_from, second_to;
} form;

static const form forms[] = {
    {0x00, 0x7F, 1, 0, 0},       {0xC2, 0xDF, 2, 0x80, 0xBF}, {0xE0, 0xE0, 3, 0xA0, 0xBF},
    {0xE1, 0xEC, 3, 0x80, 0xBF}, {0xED, 0xED, 3, 0x80, 0x9F}, {0xEE, 0xEF, 3, 0x80, 0xBF},
    {0xF0, 0xF0, 4, 0x90, 0xBF}, {0xF1, 0xF3, 4, 0x80, 0xBF}, {0xF4, 0xF4, 4, 0x80, 0x8F},
};

static bool is_tail(uint8_t byte) { return byte >= 0x80 && byte <= 0xBF; }

// Whether exactly these bytes are one character.
static bool is_character(const uint8_t *p, size_t size) {
  for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
    const form *f = &forms[i];
    if (p[0] < f->lead_from || p[0] > f->lead_to || size != f->size) {
      continue;
    }
    bool fits = size < 2 || (p[1] >= f->second_from && p[1] <= f->second_to);
    for (size_t j = 2; j < size; j++) {
      fits = fits && is_tail(p[j]);
    }
    return fits;
  }
  return false;
}

static bool is_valid(const uint8_t *p, size_t size) {
  while (size > 0) {
    size_t step = 1;
    while (step <= 4 && step <= size && !is_character(p, step)) {
      step++;
    }
    if (step > 4 || step > size) {
      return false;
    }
    p += step;
    size -= step;
  }
  return true;
}

static void check(const uint8_t *p, size_t size) {
  if (ice_utf8_valid(p, size) != is_valid(p, size)) {
    fail_msg("%zu bytes %02x %02x %02x %02x", size, p[0], p[1], p[2], p[3]);
  }
}

static void test_utf8__agrees_with_the_rfc_on_all_texts_of_three_bytes(void **state) {
  (void)state;
  uint8_t text[4] = {0};
  assert_true(ice_utf8_valid(text, 0));
  for (unsigned a = 0; a < 256; a++) {
    text[0] = (uint8_t)a;
    check(text, 1);
    for (unsigned b = 0; b < 256; b++) {
      text[1] = (uint8_t)b;
      check(text, 2);
      for (unsigned c = 0; c < 256; c++) {
        text[2] = (uint8_t)c;
        check(text, 3);
      }
    }
  }
}

static void test_utf8__agrees_with_the_rfc_on_texts_of_four_bytes(void **state) {
  (void)state;
  // The edges of every range, for each of four bytes.
  static const uint8_t edges[] = {0x00, 0x41, 0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC0, 0xC1, 0xC2, 0xDF,
                                  0xE0, 0xE1, 0xEC, 0xED, 0xEE, 0xEF, 0xF0, 0xF1, 0xF3, 0xF4, 0xF5, 0xF8, 0xFF};
  enum { COUNT = sizeof edges };
  for (size_t i = 0; i < (size_t)COUNT * COUNT * COUNT * COUNT; i++) {
    uint8_t text[4] = {edges[i % COUNT], edges[i / COUNT % COUNT], edges[i / COUNT / COUNT % COUNT],
                       edges[i / COUNT / COUNT / COUNT]};
    check(text, 4);
  }
}

static void test_utf8__every_code_point_is_encoded_and_decoded(void **state) {
  (void)state;
  for (uint32_t point = 0; point < 0x110000; point++) {
    uint8_t text[4];
    uint32_t back = 0;
    if (point >= 0xD800 && point < 0xE000) {
      continue;
    }
    size_t size = ice_utf8_encode(point, text);
    assert_true(is_character(text, size));
    assert_int_equal(ice_utf8_decode(text, size, &back), size);
    assert_int_equal(back, point);
  }
  uint32_t untouched = 5;
  assert_int_equal(ice_utf8_decode("", 0, &untouched), 0);
}

static void test_utf8__damage_is_seen_at_any_place_of_a_long_text(void **state) {
  (void)state;
  char text[200];
  for (size_t size = 1; size < sizeof text; size++) {
    memset(text, 'a', sizeof text);
    assert_true(ice_utf8_valid(text, size));
    assert_true(ice_utf8_ascii(text, size));
    for (size_t at = 0; at < size; at++) {
      text[at] = (char)0xFF;
      assert_false(ice_utf8_valid(text, size));
      assert_false(ice_utf8_ascii(text, size));
      text[at] = 'a';
    }
  }
  // A character that the end cuts.
  assert_false(ice_utf8_valid("aaaaaaaaaaaaaaa\xE2\x82", 17));
  assert_true(ice_utf8_valid("aaaaaaaaaaaaaaa\xE2\x82\xAC", 18));
}

static void test_utf8__prefix_counts_characters(void **state) {
  (void)state;
  const char *text = "a\xC3\xA4\xE2\x82\xAC\xF0\x9F\x98\x80z";
  size_t size = strlen(text);
  static const size_t ends[] = {0, 1, 3, 6, 10, 11, 11};
  for (size_t count = 0; count < sizeof ends / sizeof ends[0]; count++) {
    assert_int_equal(ice_utf8_prefix(text, size, count), ends[count]);
  }
}

static void test_utf8__cut_never_splits_a_character(void **state) {
  (void)state;
  const char *text = "a\xC3\xA4\xE2\x82\xAC\xF0\x9F\x98\x80z";
  size_t size = strlen(text);
  static const size_t cuts[] = {0, 1, 1, 3, 3, 3, 6, 6, 6, 6, 10, 11, 11};
  for (size_t limit = 0; limit < sizeof cuts / sizeof cuts[0]; limit++) {
    assert_int_equal(ice_utf8_cut(text, size, limit), cuts[limit]);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_utf8__agrees_with_the_rfc_on_all_texts_of_three_bytes),
      cmocka_unit_test(test_utf8__agrees_with_the_rfc_on_texts_of_four_bytes),
      cmocka_unit_test(test_utf8__every_code_point_is_encoded_and_decoded),
      cmocka_unit_test(test_utf8__damage_is_seen_at_any_place_of_a_long_text),
      cmocka_unit_test(test_utf8__prefix_counts_characters),
      cmocka_unit_test(test_utf8__cut_never_splits_a_character),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
