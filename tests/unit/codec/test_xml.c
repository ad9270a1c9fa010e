#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "codec/xml.h"
#include <stdio.h>
#include <stdlib.h>

static void assert_text(ice_str found, const char *expected) {
  assert_int_equal(found.size, strlen(expected));
  assert_memory_equal(found.data ? found.data : "", expected, found.size);
}

// Writes "parent/name=text;" of each element.
static ice_status write_element(void *context, const ice_xml_element *element, ice_error *err) {
  return ice_bytes_append_format(context, err, "%.*s/%.*s=%.*s;", ICE_STR_ARG(element->parent),
                                 ICE_STR_ARG(element->name), ICE_STR_ARG(element->text));
}

static ice_status read_xml(const char *text, ice_bytes *out, ice_error *err) {
  ice_bytes_init(out, 4096);
  return ice_xml_read(ice_str_of(text), write_element, out, err);
}

static void test_xml__gives_elements_with_their_text(void **state) {
  (void)state;
  static const struct {
    const char *text;
    const char *seen;
  } cases[] = {
      {"<a>x</a>", "/a=x;"},
      {"\xef\xbb\xbf<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<a/>\n", "/a=;"},
      {"  \n <?xml version=\"1.0\"?> \n <a>x</a>", "/a=x;"},
      {"<a>1<b>2</b>3<c>4</c></a>", "a/b=2;a/c=4;/a=13;"},
      {"<s:a xmlns:s='http://x/>y'><s:b t=\"1 > 0\">&lt;&amp;&gt;&quot;&apos;&#65;&#x1F600;</s:b></s:a>",
       "a/b=<&>\"'A\xf0\x9f\x98\x80;/a=;"},
      {"<a><!-- <b> & --><b >x</b ></a>", "a/b=x;/a=;"},
  };
  for (size_t i = 0; i < ICE_COUNT_OF(cases); i++) {
    ice_bytes seen;
    assert_int_equal(read_xml(cases[i].text, &seen, NULL), ICE_OK);
    assert_text(ice_bytes_str(&seen), cases[i].seen);
    ice_bytes_deinit(&seen);
  }
}

static void test_xml__refuses_what_no_web_service_writes(void **state) {
  (void)state;
  static const char *const bad[] = {"",
                                    "x",
                                    "<a>",
                                    "<a></b>",
                                    "</a>",
                                    "<a/><b/>",
                                    "<a>x</a>y",
                                    "<a",
                                    "<a b='>",
                                    "<a ;>",
                                    "<>x</>",
                                    "<a:>x</a:>",
                                    "<a>&b;</a>",
                                    "<a>&amp</a>",
                                    "<a>&#0;</a>",
                                    "<a>&#xD800;</a>",
                                    "<a>&#x110000;</a>",
                                    "<a>&#99999999999;</a>",
                                    "<a>&#;</a>",
                                    "<a>&#x;</a>",
                                    "<a><!-- </a>",
                                    "<a><![CDATA[x]]></a>",
                                    "<a><?php ?></a>",
                                    "<!DOCTYPE a><a/>",
                                    "<!DOCTYPE a [<!ENTITY b \"bbbb\"><!ENTITY c \"&b;&b;&b;\">]><a>&c;</a>",
                                    "<!DOCTYPE a [<!ENTITY b SYSTEM \"file:///etc/passwd\">]><a>&b;</a>"};
  for (size_t i = 0; i < ICE_COUNT_OF(bad); i++) {
    ice_bytes seen;
    if (read_xml(bad[i], &seen, NULL) != ICE_CORRUPT) {
      fail_msg("accepted: %s", bad[i]);
    }
    ice_bytes_deinit(&seen);
  }
}

static void test_xml__has_limits(void **state) {
  (void)state;
  char deep[ICE_XML_DEPTH_MAX * 4 + 8] = "";
  for (int i = 0; i <= ICE_XML_DEPTH_MAX; i++) {
    snprintf(deep + 3 * i, 4, "<a>");
  }
  ice_bytes seen;
  assert_int_equal(read_xml(deep, &seen, NULL), ICE_LIMIT);
  ice_bytes_deinit(&seen);
  char *wide = malloc(ICE_XML_TEXT_MAX + 16);
  assert_non_null(wide);
  snprintf(wide, ICE_XML_TEXT_MAX + 16, "<a>%0*d</a>", ICE_XML_TEXT_MAX + 1, 0);
  assert_int_equal(read_xml(wide, &seen, NULL), ICE_LIMIT);
  ice_bytes_deinit(&seen);
  free(wide);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_xml__gives_elements_with_their_text),
      cmocka_unit_test(test_xml__refuses_what_no_web_service_writes),
      cmocka_unit_test(test_xml__has_limits),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
