#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "comma_locale.h"
#include "base/macros.h"
#include "base/number.h"
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static double parse(const char *text) {
  double value = -77;
  if (!ice_number_parse(ice_str_of(text), &value)) {
    fail_msg("\"%s\" is refused", text);
  }
  return value;
}

static void test_number__reads_decimal_notation(void **state) {
  (void)state;
  assert_true(parse("0") == 0);
  assert_true(parse("12.5") == 12.5);
  assert_true(parse("-12.5e2") == -1250);
  assert_true(parse("+1E-3") == 0.001);
  assert_true(parse(".5") == 0.5);
  assert_true(parse("5.") == 5);
  assert_true(parse("0.1") == 0.1);
  assert_true(parse("123456789012345678901234567890") == 123456789012345678901234567890.0);
  assert_true(parse("0.30000000000000004") == 0.1 + 0.2);
  assert_true(parse("1.7976931348623157e308") == DBL_MAX);
  assert_true(parse("4.9406564584124654e-324") > 0);
  assert_true(parse("1e-400") == 0);
  assert_true(parse("0e999999999999999999") == 0);
  assert_true(signbit(parse("-0.0")) != 0);
}

static void test_number__refuses_everything_else(void **state) {
  (void)state;
  static const char *const texts[] = {"",
                                      "-",
                                      "+",
                                      ".",
                                      "e5",
                                      "1e",
                                      "1e+",
                                      " 1",
                                      "1 ",
                                      "1,5",
                                      "0x1",
                                      "nan",
                                      "NaN",
                                      "inf",
                                      "Infinity",
                                      "1.2.3",
                                      "--1",
                                      "1e5.5",
                                      "1e309",
                                      "-1e309",
                                      "1_000",
                                      "1f",
                                      "1e999999999999999999"};
  for (size_t i = 0; i < ICE_COUNT_OF(texts); i++) {
    double value = -77;
    if (ice_number_parse(ice_str_of(texts[i]), &value)) {
      fail_msg("\"%s\" is read as %g", texts[i], value);
    }
    assert_true(value == -77);
  }
  double value;
  assert_false(ice_number_parse(ice_str_make("1\0", 2), &value));
}

static void test_number__length_is_bounded(void **state) {
  (void)state;
  char text[ICE_NUMBER_TEXT_MAX + 1];
  double value;
  memset(text, '1', sizeof text);
  text[1] = '.';
  assert_true(ice_number_parse(ice_str_make(text, ICE_NUMBER_TEXT_MAX), &value));
  assert_true(fabs(value - 1.1111111111111112) < 1e-15);
  assert_false(ice_number_parse(ice_str_make(text, ICE_NUMBER_TEXT_MAX + 1), &value));
  memset(text, '0', sizeof text);
  text[0] = '-';
  assert_true(ice_number_parse(ice_str_make(text, ICE_NUMBER_TEXT_MAX), &value));
  memcpy(text + ICE_NUMBER_TEXT_MAX - 5, ".5e-9", 5);
  assert_true(ice_number_parse(ice_str_make(text, ICE_NUMBER_TEXT_MAX), &value));
  assert_true(value == -0.5e-9);
}

static void test_number__what_printf_writes_is_read_back(void **state) {
  (void)state;
  uint64_t seed = 1;
  for (int i = 0; i < 200000; i++) {
    char text[64];
    double value;
    double again;
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    memcpy(&value, &seed, sizeof value);
    if (!isfinite(value)) {
      continue;
    }
    snprintf(text, sizeof text, "%.17g", value);
    assert_true(ice_number_parse(ice_str_of(text), &again));
    assert_memory_equal(&again, &value, sizeof value);
  }
}

static void test_number__scaling_rounds_as_the_c_library_does(void **state) {
  (void)state;
  uint64_t seed = 1;
  int scaled = 0;
  for (int i = 0; i < 200000; i++) {
    char text[64];
    double value;
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    uint64_t mantissa = seed >> (seed % 61);
    int exponent = (int)(seed >> 58) - 32;
    if (ice_number_scale(mantissa, exponent, &value)) {
      snprintf(text, sizeof text, "%llue%d", (unsigned long long)mantissa, exponent);
      double right = strtod(text, NULL);
      if (memcmp(&value, &right, sizeof right) != 0) {
        fail_msg("%s is %.17g, not %.17g", text, right, value);
      }
      scaled++;
    }
  }
  // It is not by refusing that it is right.
  assert_true(scaled > 100000);
}

static void test_number__floats_are_rounded_once(void **state) {
  (void)state;
  float value = -77;
  // Rounded to a double first, this lies half-way and goes down to the even float.
  assert_true(ice_number_parse_float(ICE_STR("1.00000005960464477540"), &value));
  assert_true(value == 1.00000011920928955078125f);
  assert_true(ice_number_parse_float(ICE_STR("3.4028235e38"), &value));
  assert_true(value == FLT_MAX);
  assert_false(ice_number_parse_float(ICE_STR("3.5e38"), &value));
  assert_false(ice_number_parse_float(ICE_STR("nan"), &value));
  assert_true(value == FLT_MAX);
}

static void test_number__a_locale_with_a_comma_changes_nothing(void **state) {
  (void)state;
  assert_true(comma_locale_set());
  char text[16];
  snprintf(text, sizeof text, "%.1f", 1.5);
  assert_string_equal(text, "1,5");
  assert_true(parse("1.5") == 1.5);
  assert_true(parse("-2.25e-3") == -0.00225);
  double value;
  assert_false(ice_number_parse(ICE_STR("1,5"), &value));
  assert_false(ice_number_parse(ICE_STR("1.000,5"), &value));
  comma_locale_unset();
}

static void test_number__counts_are_digits_alone(void **state) {
  (void)state;
  int64_t value = 7;
  static const char *const refused[] = {"", "-1", "+1", " 1", "1 ", "1.0", "1e3", "0x10", "9223372036854775808"};
  for (size_t i = 0; i < ICE_COUNT_OF(refused); i++) {
    assert_false(ice_number_parse_count(ice_str_of(refused[i]), &value));
    assert_int_equal(value, 7);
  }
  assert_true(ice_number_parse_count(ICE_STR("0"), &value) && value == 0);
  assert_true(ice_number_parse_count(ICE_STR("0012"), &value) && value == 12);
  assert_true(ice_number_parse_count(ICE_STR("9223372036854775807"), &value) && value == INT64_MAX);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_number__reads_decimal_notation),
      cmocka_unit_test(test_number__refuses_everything_else),
      cmocka_unit_test(test_number__length_is_bounded),
      cmocka_unit_test(test_number__what_printf_writes_is_read_back),
      cmocka_unit_test(test_number__scaling_rounds_as_the_c_library_does),
      cmocka_unit_test(test_number__floats_are_rounded_once),
      cmocka_unit_test(test_number__a_locale_with_a_comma_changes_nothing),
      cmocka_unit_test(test_number__counts_are_digits_alone),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
