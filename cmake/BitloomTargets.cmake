# bitloom_library(layouts SOURCES … DEPENDS …): one folder of the house, one target, headers included as "folder/header.h".
function(bitloom_library name)
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPENDS;PRIVATE_DEPENDS" ${ARGN})
  add_library(bitloom_${name} STATIC ${ARG_SOURCES})
  list(TRANSFORM ARG_DEPENDS PREPEND bitloom_ REGEX "^(layouts|vm|dsl|codegen|runtime|kernels|stack)$")
  # Headers that are used inside only are nothing that a user of the installed library has to find.
  list(TRANSFORM ARG_PRIVATE_DEPENDS REPLACE "^((nlohmann_json|Eigen3)::.+)$" "$<BUILD_INTERFACE:\\1>")
  target_link_libraries(bitloom_${name} PUBLIC bitloom_flags ${BITLOOM_FMT} tl::expected ${ARG_DEPENDS} PRIVATE ${ARG_PRIVATE_DEPENDS})
endfunction()

# bitloom_test(layouts_test SOURCES … DEPENDS …): one GoogleTest program, one test of ctest. scripts/test adds up the tests inside.
# (gtest_discover_tests would start a process for each of them and run every program twice at build time.)
function(bitloom_test name)
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPENDS" ${ARGN})
  list(TRANSFORM ARG_DEPENDS PREPEND bitloom_ REGEX "^(layouts|vm|dsl|codegen|runtime|kernels|stack)$")
  add_executable(${name} ${ARG_SOURCES})
  target_link_libraries(${name} PRIVATE bitloom_flags ${ARG_DEPENDS} GTest::gmock GTest::gtest_main rapidcheck)
  # The time of a test goes into the libraries under it: optimising its own text costs a quarter of its build and gains nothing.
  target_compile_options(${name} PRIVATE $<$<CONFIG:Release>:-O1>)
  target_include_directories(${name} PRIVATE ${PROJECT_BINARY_DIR}/generated)
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/tests)
  add_test(NAME ${name} COMMAND ${name})
  set_tests_properties(${name} PROPERTIES TIMEOUT 900)
endfunction()

# bitloom_gpu_test(gpu_kernels_test SOURCES … DEPENDS …): a GoogleTest program that needs a GPU. It is built with everything else and
# run by scripts/gpu-test, not by ctest; without a GPU it says so and exits 77.
function(bitloom_gpu_test name)
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPENDS" ${ARGN})
  list(TRANSFORM ARG_DEPENDS PREPEND bitloom_ REGEX "^(layouts|vm|dsl|codegen|runtime|kernels|stack)$")
  add_executable(${name} ${ARG_SOURCES} ${PROJECT_SOURCE_DIR}/tests/gpu/main.cpp)
  target_link_libraries(${name} PRIVATE bitloom_flags ${ARG_DEPENDS} GTest::gtest rapidcheck)
  target_compile_options(${name} PRIVATE $<$<CONFIG:Release>:-O1>)
  target_include_directories(${name} PRIVATE ${PROJECT_BINARY_DIR}/generated)
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/tests)
endfunction()
