// Programs that need more than a random line of instructions: a ring between producer and
// consumers, warpgroup products, clusters, named barriers, tensor copies and stores. Each idiom is
// a text of the language with drawn shapes, stages, threads and options, around one element type;
// what it computes is exact, so the GPU's result is the interpreter's.
//
// A row says which types it takes. tests/differential/differential_test.cpp holds that against the
// compiler: it takes those, and refuses the others.
#pragma once

#include <fmt/format.h>

#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "tests/differential/program.h"
#include "tests/differential/values.h"

namespace bitloom::test {

// One text in the making: its parameters, its head, and chance.
class IdiomText {
 public:
  IdiomText(vm::ElementType element, std::uint64_t seed) : element_(element), random_(seed) {}

  vm::ElementType element() const { return element_; }
  std::string type() const { return to_string(element_); }
  std::int64_t bits() const { return element_.bits; }
  // Of an element; 1 for those that share a byte.
  std::int64_t bytes() const { return (element_.bits + 7) / 8; }

  std::int64_t number(std::int64_t least, std::int64_t most) {
    return least +
           static_cast<std::int64_t>(random_() % static_cast<std::uint64_t>(most - least + 1));
  }
  bool chance(int percent) { return number(1, 100) <= percent; }
  template <class T>
  T pick(std::initializer_list<T> list) {
    return *(list.begin() + number(0, static_cast<std::int64_t>(list.size()) - 1));
  }

  // Numbers that may be computed with, or any code where it is only moved.
  Fill fill() const { return computes_ ? Fill::Small : Fill::Any; }
  // An expression of x, of the same type; x itself for types without arithmetic.
  std::string computed(const std::string& x);

  // A parameter; extents may name sizes, `known` has their values.
  void input(const std::string& name, vm::ElementType element, const std::string& extents,
             vm::Shape known, Fill fill, bool packed = false);
  void output(const std::string& name, vm::ElementType element, const std::string& extents,
              vm::Shape known);
  void size(const std::string& name, std::int64_t value) { program_.sizes[name] = value; }
  ProgramTensor& last_tensor() { return program_.tensors.back(); }
  std::uint64_t draw() { return random_(); }

  // How `copies` strands of `threads` arrive at `barrier`: the statement, and the arrivals of a
  // phase.
  std::pair<std::int64_t, std::string> arrival(const std::string& barrier, std::int64_t copies,
                                               std::int64_t threads);

  // The head: `form` is kernel or explicit kernel; `rest` what follows threads(…).
  void head(const std::string& form, std::int64_t grid, std::int64_t threads,
            const std::string& rest = "");
  template <class... Arguments>
  void line(fmt::format_string<Arguments...> format, Arguments&&... arguments) {
    body_ += fmt::format(format, std::forward<Arguments>(arguments)...) + "\n";
  }
  std::string text() const { return fmt::format("{}{}}}\n", head_, body_); }

  TestProgram& program() { return program_; }

 private:
  void parameter(const std::string& name, vm::ElementType element, const std::string& extents,
                 bool packed);

  vm::ElementType element_;
  std::mt19937_64 random_;
  bool computes_ = false, decided_ = false;
  std::string parameters_, head_, body_;
  TestProgram program_;

  friend std::optional<TestProgram> compiled_idiom(std::size_t, vm::ElementType, std::uint64_t, int,
                                                   std::string&);
};

struct Idiom {
  const char* name;
  int least_sm;
  bool (*takes)(vm::ElementType);
  void (*write)(IdiomText&);
};
const std::vector<Idiom>& idioms();

// The rows, by file.
std::vector<Idiom> copy_idioms();
std::vector<Idiom> product_idioms();
std::vector<Idiom> strand_idioms();

// Whether + - * and comparisons take the type.
bool is_arithmetic(vm::ElementType element);

// The program of an idiom; nullopt, and what the compiler said, when it refuses the text.
std::optional<TestProgram> compiled_idiom(std::size_t idiom, vm::ElementType element,
                                          std::uint64_t seed, int sm, std::string& complaint);
// Seeds in a row go through all idioms of the target and all types that each takes.
std::optional<TestProgram> draw_idiom(std::uint64_t seed, std::uint64_t turn, int sm,
                                      std::string& complaint);

}  // namespace bitloom::test
