#include <fmt/format.h>

#include <algorithm>
#include <cctype>

#include "runtime/ahead/c_text.h"

namespace bitloom::runtime {

using codegen::CudaParameter;

std::string c_member(const std::string& name) {
  static constexpr std::string_view kWords[] = {
      "auto",      "break",    "case",      "char",     "const",    "continue", "default",
      "do",        "double",   "else",      "enum",     "extern",   "float",    "for",
      "goto",      "if",       "inline",    "int",      "long",     "register", "restrict",
      "return",    "short",    "signed",    "sizeof",   "static",   "struct",   "switch",
      "typedef",   "union",    "unsigned",  "void",     "volatile", "while",    "class",
      "new",       "delete",   "this",      "template", "typename", "public",   "private",
      "protected", "operator", "namespace", "using",    "bool",     "true",     "false",
      "and",       "or",       "not",       "xor",      "try",      "catch",    "throw"};
  return std::ranges::find(kWords, name) != std::end(kWords) ? name + "_" : name;
}

std::string c_quoted(std::string_view text) {
  std::string result;
  for (char c : text) {
    if (c == '"' || c == '\\') result += '\\';
    if (c == '*' || c == '/') {
      // "*/" must not end a comment.
      if (!result.empty() && (result.back() == '*' || result.back() == '/')) result += ' ';
    }
    result += static_cast<unsigned char>(c) < ' ' ? ' ' : c;
  }
  return result;
}

std::string c_type(const CudaParameter& parameter, const vm::Function& function) {
  if (parameter.kind == CudaParameter::Kind::Pointer) return "uint64_t";
  if (parameter.kind == CudaParameter::Kind::Size) return "int64_t";
  const vm::ElementType element = function.type(parameter.value).element;
  if (element == vm::kF32 || element == vm::kTF32) return "float";
  if (element == vm::kF64) return "double";
  const bool is_signed = element.is_integer() && element.is_signed();
  return fmt::format("{}int{}_t", is_signed ? "" : "u", 8 * parameter.bytes);
}

namespace {

std::string remark(const CudaParameter& parameter, const vm::Function& function) {
  if (parameter.kind == CudaParameter::Kind::Size) return "a size";
  const vm::Type& type = function.type(parameter.value);
  if (parameter.kind == CudaParameter::Kind::Scalar)
    return vm::to_string(type.element) +
           (type.element.bits < 32 && !type.element.is_integer() ? ", as its code" : "");
  std::string text = vm::to_string(type);
  if (type.packed) text += ", in the order " + type.packed->tag();
  return text;
}

}  // namespace

std::string c_header(const CKernel& kernel) {
  const std::string& name = kernel.name;
  std::string guard = "BITLOOM_" + name + "_H";
  std::ranges::transform(guard, guard.begin(),
                         [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
  std::string set;
  for (const auto& [generic, value] : kernel.function.specialization)
    set += fmt::format(" {} = {}", generic, value);
  std::string text = fmt::format(
      "/* Kernel {}{}{}, compiled ahead of time by Bitloom. Link {}.c. */\n"
      "#ifndef {}\n#define {}\n\n#include <stdint.h>\n\n#ifdef __cplusplus\nextern \"C\" {{\n"
      "#endif\n\n",
      c_quoted(kernel.function.name), set.empty() ? "" : " with", c_quoted(set), name, guard,
      guard);
  text += fmt::format(
      "/* Tensors are addresses of device memory at multiples of 16, row-major and dense. */\n"
      "struct {}_arguments {{\n",
      name);
  std::vector<std::string> members;
  for (const CudaParameter& parameter : kernel.images.front().parameters) {
    if (parameter.kind == CudaParameter::Kind::TensorMap) continue;
    if (parameter.name == codegen::kMultiprocessors) continue;  // the kernel knows it
    text += fmt::format("  {} {}; /* {} */\n", c_type(parameter, kernel.function),
                        c_member(parameter.name), c_quoted(remark(parameter, kernel.function)));
    members.push_back(parameter.name);
  }
  if (members.empty()) text += "  int unused;\n";
  text += fmt::format(
      "}};\n\n"
      "/* The kernel in the memory of one GPU. Nothing in it is for others to change. */\n"
      "struct {0} {{\n  void* module;\n  void* function;\n  int multiprocessors;\n  unsigned "
      "shared_bytes;\n}};\n\n"
      "/* Loads the image for the GPU of the current context. This, and the functions below, give "
      "0\n"
      " * or an error that {0}_message() explains: what the driver said, or a negative number. */\n"
      "int {0}_load(struct {0}* kernel);\n"
      "/* Puts a launch into a stream (a CUstream, or 0) and does not wait. */\n"
      "int {0}_launch(const struct {0}* kernel, const struct {0}_arguments* arguments,\n"
      "    void* stream);\n"
      "int {0}_unload(struct {0}* kernel);\n"
      "const char* {0}_message(int error);\n\n"
      "#ifdef __cplusplus\n}}\n#endif\n\n#endif\n",
      name);
  return text;
}

}  // namespace bitloom::runtime
