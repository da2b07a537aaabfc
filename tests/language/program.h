// Small programs in the language, run from a test: text, lowering, interpreter with its checks.
//
//   const Arrays results = run({.text = "kernel k(x: global f32[n], …", .arguments = {{"x", x}},
//                               .outputs = {"y"}, .sizes = {{"n", 100}}});
//
// A program that does not run fails the test with all that was reported, and gives no results.
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <set>
#include <string>

#include "runtime/host/array.h"
#include "tests/kernels/arrays.h"

namespace bitloom::test {

using Arrays = std::map<std::string, HostArray>;

struct TextRun {
  std::string text;
  std::map<std::string, std::string> modules = {};  // files beside it, by name
  std::map<std::string, std::string> generics = {};
  Arrays arguments = {};
  std::map<std::string, double> numbers = {};  // scalar arguments
  std::set<std::string> outputs = {};          // also arguments that are written
  std::map<std::string, std::int64_t> sizes = {};
  std::string kernel = {};
  std::string target = "sm_80";
};

Arrays run(const TextRun& program);

// Elements as numbers.
std::vector<double> numbers_of(const HostArray& array);
// Small whole numbers that every arithmetic type holds: -4 … 4, or 0 … 8 for unsigned types.
HostArray small_integers(vm::ElementType type, runtime::Shape shape, std::mt19937_64& random);

// Every element type that memory can hold: 58 of them.
std::vector<vm::ElementType> stored_types();
// Those of them that + - * / min max < take.
std::vector<vm::ElementType> arithmetic_types();

}  // namespace bitloom::test
