#include "codegen/cuda/plain_access.h"

#include <algorithm>

namespace bitloom::codegen {

std::string both(const std::string& a, const std::string& b) {
  if (a.empty() || b.empty()) return a + b;
  return parenthesized(a) + " && " + parenthesized(b);
}

namespace {

struct Plain {
  KernelWriter& out;
  WindowAccess& access;
  const AccessOptions& options;
  AccessKind kind;
  std::int64_t each;

  std::string predicate(std::int64_t reg) {
    return both(access.inside(reg), options.mask ? options.mask->code(reg) : std::string());
  }
};

Plain plain_of(KernelWriter& out, WindowAccess& access, const Register& reg, std::int64_t each,
               const AccessOptions& options) {
  const int bytes = static_cast<int>(each * reg.bits() / 8);
  return {out, access, options, {access.space(), bytes, options.cache}, each};
}

void load_words(Plain& plain, const Register& d) {
  const std::int64_t words = plain.kind.bytes / 4;
  for (std::int64_t reg = 0; reg < d.count; reg += plain.each) {
    const std::string predicate = plain.predicate(reg);
    plain.kind.predicated = !predicate.empty();
    const std::string name = plain.out.prelude().load(plain.kind);
    std::vector<std::string> arguments;
    const std::int64_t first = reg * d.bits() / 32;
    if (words > 1) {
      for (std::int64_t w = 0; w < words; ++w) arguments.push_back(d.word(first + w));
    }
    arguments.push_back(plain.access.address(reg));
    if (!predicate.empty()) arguments.push_back(predicate);
    const std::string call = KernelWriter::invoke(name, arguments);
    plain.out.line("{}{};", words > 1 ? "" : d.word(first) + " = ", call);
  }
}

// Bytes and halves are put together into words.
void load_parts(Plain& plain, const Register& d) {
  const int bits = 8 * plain.kind.bytes;
  for (std::int64_t w = 0; w < d.words(); ++w) {
    std::string text;
    for (std::int64_t bit = 32 * w; bit < std::min(32 * (w + 1), d.count * d.bits()); bit += bits) {
      const std::int64_t reg = bit / d.bits();
      const std::string predicate = plain.predicate(reg);
      plain.kind.predicated = !predicate.empty();
      std::vector<std::string> arguments{plain.access.address(reg)};
      if (!predicate.empty()) arguments.push_back(predicate);
      const std::string part =
          KernelWriter::invoke(plain.out.prelude().load(plain.kind), arguments);
      text += bit % 32 == 0 ? part : fmt::format(" | {} << {}", part, bit % 32);
    }
    plain.out.line("{} = {};", d.word(w), text);
  }
}

}  // namespace

void load_registers(KernelWriter& out, WindowAccess& access, const Register& d, std::int64_t each,
                    const AccessOptions& options) {
  Plain plain = plain_of(out, access, d, each, options);
  access.record(MemoryAccess::Kind::Load, each);
  if (plain.kind.bytes >= 4) {
    load_words(plain, d);
  } else {
    load_parts(plain, d);
  }
}

void store_registers(KernelWriter& out, WindowAccess& access, const Register& x, std::int64_t each,
                     const AccessOptions& options) {
  Plain plain = plain_of(out, access, x, each, options);
  access.record(MemoryAccess::Kind::Store, each);
  const std::string owner = plain.access.is_owner();
  const std::int64_t words = std::max(plain.kind.bytes / 4, 1);
  for (std::int64_t reg = 0; reg < x.count; reg += plain.each) {
    if (plain.access.is_duplicate(reg)) continue;
    const std::string predicate = both(owner, plain.predicate(reg));
    plain.kind.predicated = !predicate.empty();
    std::vector<std::string> arguments{plain.access.address(reg)};
    const std::int64_t bit = reg * x.bits();
    for (std::int64_t w = 0; w < words; ++w) {
      const std::string word = x.word(bit / 32 + w);
      arguments.push_back(bit % 32 == 0 ? word
                                        : fmt::format("{} >> {}", parenthesized(word), bit % 32));
    }
    if (!predicate.empty()) arguments.push_back(predicate);
    plain.out.line("{};", KernelWriter::invoke(plain.out.prelude().store(plain.kind), arguments));
  }
}

}  // namespace bitloom::codegen
