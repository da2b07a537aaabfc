#include "codegen/cubin.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <optional>
#include <string_view>

namespace bitloom::codegen {
namespace {

using Bytes = std::span<const std::byte>;

// The first `count` bytes behind `offset`; nullopt when they are not all there.
std::optional<Bytes> part(Bytes bytes, std::uint64_t offset, std::uint64_t count) {
  if (offset > bytes.size() || count > bytes.size() - offset) return std::nullopt;
  return bytes.subspan(static_cast<std::size_t>(offset), static_cast<std::size_t>(count));
}

template <class T>
std::optional<T> number(Bytes bytes, std::uint64_t offset) {
  const auto found = part(bytes, offset, sizeof(T));
  if (!found) return std::nullopt;
  T value;
  std::memcpy(&value, found->data(), sizeof value);
  return value;
}

// Of a table of strings that end in NUL.
std::string_view text_at(Bytes table, std::uint64_t offset) {
  if (offset >= table.size()) return {};
  const auto* begin = reinterpret_cast<const char*>(table.data()) + offset;
  const std::size_t most = table.size() - static_cast<std::size_t>(offset);
  return {begin, strnlen(begin, most)};
}

struct Section {
  std::string_view name;
  std::uint32_t type = 0;
  std::uint64_t size = 0;  // in memory
  Bytes bytes;             // in the file; none for NOBITS
  std::uint32_t link = 0;
};

constexpr std::uint32_t kSymtab = 2, kNobits = 8;
constexpr std::uint16_t kMachineCuda = 190;

struct Elf {
  int sm = 0;
  std::vector<Section> sections;

  const Section* find(std::string_view name) const {
    const auto at = std::ranges::find(sections, name, &Section::name);
    return at == sections.end() ? nullptr : &*at;
  }
};

tl::expected<Elf, std::string> read_elf(Bytes file) {
  constexpr std::uint64_t kHeader = 64, kSectionHeader = 64;
  const auto magic = part(file, 0, kHeader);
  if (!magic || std::memcmp(magic->data(),
                            "\x7f"
                            "ELF\x02\x01",
                            6) != 0)
    return tl::make_unexpected("the image is no 64-bit little-endian ELF file");
  if (*number<std::uint16_t>(file, 18) != kMachineCuda)
    return tl::make_unexpected("the image is an ELF file for another machine");
  const auto flags = *number<std::uint32_t>(file, 48);
  const auto table = *number<std::uint64_t>(file, 40);
  const auto each = *number<std::uint16_t>(file, 58);
  const auto count = *number<std::uint16_t>(file, 60);
  const auto names = *number<std::uint16_t>(file, 62);
  const auto headers = part(file, table, std::uint64_t{count} * kSectionHeader);
  if (each != kSectionHeader || !headers || names >= count)
    return tl::make_unexpected("the section headers of the image do not lie in it");

  Elf elf;
  // Bits 8 to 15 since CUDA 12.8 or so; before, the lowest byte.
  const int upper = static_cast<int>(flags >> 8 & 0xff), lower = static_cast<int>(flags & 0xff);
  elf.sm = upper >= 50 && lower < 50 ? upper : lower;
  Bytes strings;
  for (std::uint64_t i = 0; i < count; ++i) {
    const Bytes header = *part(*headers, i * kSectionHeader, kSectionHeader);
    Section section;
    section.type = *number<std::uint32_t>(header, 4);
    section.size = *number<std::uint64_t>(header, 32);
    section.link = *number<std::uint32_t>(header, 40);
    if (section.type != kNobits) {
      const auto bytes = part(file, *number<std::uint64_t>(header, 24), section.size);
      if (!bytes)
        return tl::make_unexpected(fmt::format("section {} does not lie in the image", i));
      section.bytes = *bytes;
    }
    if (i == names) strings = section.bytes;
    elf.sections.push_back(section);
  }
  for (std::uint64_t i = 0; i < count; ++i)
    elf.sections[i].name = text_at(strings, *number<std::uint32_t>(*headers, i * kSectionHeader));
  return elf;
}

// ---- Attributes ---------------------------------------------------------------------------------

struct Attribute {
  std::uint8_t id = 0;
  std::uint16_t small = 0;  // of the short forms
  Bytes bytes;              // of the long form
};

constexpr std::uint8_t kMaxThreads = 0x05, kFrameSize = 0x11, kMinStackSize = 0x12,
                       kRegisterCount = 0x2f, kBarriers = 0x4c;
constexpr std::uint8_t kLongForm = 4;

// Calls f for every attribute; false when the list does not fit its section.
template <class F>
bool each_attribute(Bytes list, F&& f) {
  while (!list.empty()) {
    const auto head = number<std::uint32_t>(list, 0);
    if (!head) return false;
    Attribute attribute{
        static_cast<std::uint8_t>(*head >> 8), static_cast<std::uint16_t>(*head >> 16), {}};
    list = list.subspan(4);
    if ((*head & 0xff) == kLongForm) {
      const auto bytes = part(list, 0, attribute.small);
      if (!bytes) return false;
      attribute.bytes = *bytes;
      list = list.subspan(attribute.small);
    }
    f(attribute);
  }
  return true;
}

// ---- Code ---------------------------------------------------------------------------------------

constexpr std::uint64_t kInstruction = 16;
constexpr std::uint32_t kStoreLocal = 0x387, kLoadLocal = 0x983, kNop = 0x918;

void count_code(Bytes code, KernelResources& kernel) {
  for (std::uint64_t at = 0; at + kInstruction <= code.size(); at += kInstruction) {
    const auto low = *number<std::uint64_t>(code, at);
    const auto high = *number<std::uint64_t>(code, at + 8);
    const auto opcode = static_cast<std::uint32_t>(low & 0xfff);
    kernel.instructions += opcode != kNop;
    // The width of an access: u8, s8, u16, s16, 32, 64, 128.
    constexpr int kWidth[] = {1, 1, 2, 2, 4, 8, 16, 0};
    if (opcode == kStoreLocal) kernel.spill_store_bytes += kWidth[high >> 9 & 7];
    if (opcode == kLoadLocal) kernel.spill_load_bytes += kWidth[high >> 9 & 7];
  }
}

std::string_view symbol_name(const Elf& elf, std::uint32_t symbol) {
  constexpr std::uint64_t kSymbol = 24;
  for (const Section& section : elf.sections) {
    if (section.type != kSymtab || section.link >= elf.sections.size()) continue;
    const auto name = number<std::uint32_t>(section.bytes, symbol * kSymbol);
    return name ? text_at(elf.sections[section.link].bytes, *name) : std::string_view{};
  }
  return {};
}

constexpr std::int64_t kSystemShared = 1024;  // of every block, from sm_90 on

KernelResources read_kernel(const Elf& elf, std::string_view name, const Section& code) {
  KernelResources kernel;
  kernel.name = name;
  count_code(code.bytes, kernel);
  if (const Section* shared = elf.find(fmt::format(".nv.shared.{}", name))) {
    kernel.shared_bytes = static_cast<std::int64_t>(std::min<std::uint64_t>(shared->size, 1 << 30));
    if (elf.sm >= 90)
      kernel.shared_bytes = std::max<std::int64_t>(kernel.shared_bytes - kSystemShared, 0);
  }
  return kernel;
}

int clamp(std::uint32_t value) {
  return static_cast<int>(std::min<std::uint32_t>(value, 1u << 30));
}

bool read_own_attributes(Bytes list, KernelResources& kernel) {
  return each_attribute(list, [&](const Attribute& attribute) {
    if (attribute.id == kBarriers) kernel.barriers = attribute.small & 0xff;
    if (attribute.id != kMaxThreads) return;
    std::uint64_t product = 1;
    for (std::uint64_t axis = 0; axis < 3; ++axis)
      product *= std::min<std::uint32_t>(
          number<std::uint32_t>(attribute.bytes, axis * 4).value_or(0), 1024);
    kernel.max_threads =
        clamp(static_cast<std::uint32_t>(std::min<std::uint64_t>(product, 1 << 30)));
  });
}

bool read_common_attributes(const Elf& elf, Bytes list, std::vector<KernelResources>& kernels) {
  return each_attribute(list, [&](const Attribute& attribute) {
    const auto symbol = number<std::uint32_t>(attribute.bytes, 0);
    const auto value = number<std::uint32_t>(attribute.bytes, 4);
    if (!symbol || !value) return;
    const std::string_view name = symbol_name(elf, *symbol);
    const auto kernel = std::ranges::find(kernels, name, &KernelResources::name);
    if (kernel == kernels.end()) return;
    if (attribute.id == kRegisterCount) kernel->registers = clamp(*value);
    if (attribute.id == kFrameSize || attribute.id == kMinStackSize)
      kernel->local_bytes = std::max<std::int64_t>(kernel->local_bytes, clamp(*value));
  });
}

}  // namespace

const KernelResources* CubinInfo::find(std::string_view kernel) const {
  const auto at = std::ranges::find(kernels, kernel, &KernelResources::name);
  return at == kernels.end() ? nullptr : &*at;
}

tl::expected<CubinInfo, std::string> read_cubin(std::span<const std::byte> bytes) {
  const auto elf = read_elf(bytes);
  if (!elf) return tl::make_unexpected(elf.error());
  CubinInfo info;
  info.sm = elf->sm;
  constexpr std::string_view kText = ".text.", kInfo = ".nv.info";
  for (const Section& section : elf->sections) {
    if (!section.name.starts_with(kText)) continue;
    const std::string_view name = section.name.substr(kText.size());
    KernelResources kernel = read_kernel(*elf, name, section);
    const Section* own = elf->find(fmt::format("{}.{}", kInfo, name));
    if (own && !read_own_attributes(own->bytes, kernel))
      return tl::make_unexpected(
          fmt::format("the attributes of '{}' do not fit their section", name));
    info.kernels.push_back(std::move(kernel));
  }
  const Section* common = elf->find(kInfo);
  if (common && !read_common_attributes(*elf, common->bytes, info.kernels))
    return tl::make_unexpected("the attributes of the image do not fit their section");
  return info;
}

}  // namespace bitloom::codegen
