# bitloom_library(layouts SOURCES … DEPENDS …): one folder of the house, one target, headers included as "folder/header.h".
function(bitloom_library name)
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPENDS;PRIVATE_DEPENDS" ${ARGN})
  add_library(bitloom_${name} STATIC ${ARG_SOURCES})
  list(TRANSFORM ARG_DEPENDS PREPEND bitloom_ REGEX "^(layouts|vm|dsl|codegen|runtime|kernels|stack)$")
  target_link_libraries(bitloom_${name} PUBLIC bitloom_flags fmt::fmt tl::expected ${ARG_DEPENDS} PRIVATE ${ARG_PRIVATE_DEPENDS})
endfunction()

# bitloom_test(layouts_test SOURCES … DEPENDS …): one GoogleTest program, its tests known to ctest by name.
include(GoogleTest)
function(bitloom_test name)
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPENDS" ${ARGN})
  list(TRANSFORM ARG_DEPENDS PREPEND bitloom_ REGEX "^(layouts|vm|dsl|codegen|runtime|kernels|stack)$")
  add_executable(${name} ${ARG_SOURCES})
  target_link_libraries(${name} PRIVATE bitloom_flags ${ARG_DEPENDS} GTest::gmock GTest::gtest_main rapidcheck)
  target_compile_definitions(${name} PRIVATE BITLOOM_SOURCE_DIR="${PROJECT_SOURCE_DIR}" BITLOOM_BINARY_DIR="${PROJECT_BINARY_DIR}")
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/tests)
  gtest_discover_tests(${name} DISCOVERY_TIMEOUT 60)
endfunction()
