// Which instruction has met which element type.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>

#include "tests/differential/program.h"

namespace bitloom::test {

class Coverage {
 public:
  // The type of an instruction is that of its first operand in registers, else of its result; of an
  // access that of what it moves. "-" where there is none.
  void add(const vm::Function& function);
  void add(const std::string& mnemonic, const std::string& element, std::uint64_t times);
  const std::map<std::pair<std::string, std::string>, std::uint64_t>& counts() const {
    return counts_;
  }
  // One line an instruction of the table that was met: its types, and how often.
  std::string table() const;

 private:
  std::map<std::pair<std::string, std::string>, std::uint64_t> counts_;
};

}  // namespace bitloom::test
