#include "layouts/fragments.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

namespace bitloom::layouts {

namespace {

tl::unexpected<LayoutError> fail(std::string message) {
  return tl::make_unexpected(LayoutError{std::move(message)});
}

// Takes "m16", "k32" off the front of a name.
std::optional<int> take_size(std::string_view& name, char letter) {
  if (name.empty() || name.front() != letter) return std::nullopt;
  int value = 0;
  const auto [end, error] = std::from_chars(name.data() + 1, name.data() + name.size(), value);
  if (error != std::errc() || value < 1) return std::nullopt;
  name.remove_prefix(static_cast<std::size_t>(end - name.data()));
  return value;
}

std::string_view take_part(std::string_view& name) {
  const std::size_t dot = std::min(name.find('.'), name.size());
  const std::string_view part = name.substr(0, dot);
  name.remove_prefix(std::min(dot + 1, name.size()));
  return part;
}

// The element width that goes with k when the name gives none, or the one the name gives.
std::optional<int> element_bits(int k, std::string_view width) {
  if (width.empty()) {
    if (k == 4 || k == 8) return 32;
    if (k == 16 || k == 32 || k == 64) return 256 / k;
    return std::nullopt;
  }
  const auto bits = take_size(width, 'b');
  if (!bits || !width.empty()) return std::nullopt;
  if (*bits != 4 && *bits != 8 && *bits != 16 && *bits != 32) return std::nullopt;
  return bits;
}

// One or two registers along k, as in every shape of PTX.
bool is_instruction(int k, int bits) {
  return k * bits == 128 || k * bits == 256;
}

std::optional<RegisterLayout> named_mma(std::string_view operand, std::string_view shape,
                                        std::string_view width) {
  const auto m = take_size(shape, 'm');
  const auto n = take_size(shape, 'n');
  const auto k = take_size(shape, 'k');
  if (!m || !n || !shape.empty()) return std::nullopt;
  if (m == 8 && n == 8 && k == 4 && width.empty()) {
    if (operand == "a") return mma_f64_a();
    if (operand == "b") return mma_f64_b();
    if (operand == "c") return mma_f64_c();
    return std::nullopt;
  }
  if (m != 16 || n != 8) return std::nullopt;
  if (operand == "c" && !k && width.empty()) return mma_c();
  if (!k) return std::nullopt;
  const auto bits = element_bits(*k, width);
  if (!bits || !is_instruction(*k, *bits)) return std::nullopt;
  if (operand == "a") return mma_a(*k, *bits);
  if (operand == "b") return mma_b(*k, *bits);
  if (operand == "c") return mma_c();
  return std::nullopt;
}

std::optional<RegisterLayout> named_wgmma(std::string_view operand, std::string_view shape,
                                          std::string_view width) {
  if (take_size(shape, 'm') != 64) return std::nullopt;
  if (operand == "c" && width.empty()) {
    const auto n = take_size(shape, 'n');
    if (!n || !shape.empty() || *n % 8 != 0 || *n > 256) return std::nullopt;
    return wgmma_c(*n);
  }
  const auto k = take_size(shape, 'k');
  if (operand != "a" || !k || !shape.empty()) return std::nullopt;
  const auto bits = element_bits(*k, width);
  if (!bits || *bits < 8 || *k * *bits != 256) return std::nullopt;
  return wgmma_a(*k, *bits);
}

std::optional<RegisterLayout> named_ldmatrix(std::string_view form, std::string_view trans) {
  if (!trans.empty() && trans != "trans") return std::nullopt;
  for (const int tiles : {1, 2, 4})
    if (form == fmt::format("x{}", tiles)) return ldmatrix(tiles, !trans.empty());
  return std::nullopt;
}

LayoutResult<std::int64_t> parts(std::string_view what, std::int64_t extent, std::int64_t unit) {
  if (unit > 0 && extent > 0 && extent % unit == 0) return extent / unit;
  return fail(fmt::format("{} = {} is not a multiple of {}", what, extent, unit));
}

}  // namespace

RegisterLayout mma_a(int k, int bits) {
  const int e = 32 / bits;
  return column_local(2, k / (4 * e)) * spatial(8, 4) * local(1, e);
}

RegisterLayout mma_b(int k, int bits) {
  const int e = 32 / bits;
  return local(k / (4 * e), 1) * column_spatial(4, 8) * local(e, 1);
}

RegisterLayout mma_c() {
  return local(2, 1) * spatial(8, 4) * local(1, 2);
}

RegisterLayout mma_f64_a() {
  return spatial(8, 4);
}
RegisterLayout mma_f64_b() {
  return column_spatial(4, 8);
}
RegisterLayout mma_f64_c() {
  return spatial(8, 4) * local(1, 2);
}

RegisterLayout ldmatrix(int tiles, bool trans) {
  const RegisterLayout tile =
      trans ? column_spatial(4, 8) * local(2, 1) : spatial(8, 4) * local(1, 2);
  return column_local(tiles == 1 ? 1 : 2, tiles == 4 ? 2 : 1) * tile;
}

RegisterLayout wgmma_a(int k, int bits) {
  return spatial(4, 1) * mma_a(k, bits);
}
RegisterLayout wgmma_c(int n) {
  return spatial(4, 1) * local(1, n / 8) * mma_c();
}

LayoutResult<MmaLayouts> mma_block(const MmaBlock& block) {
  if (block.warps_m < 1 || block.warps_n < 1)
    return fail(fmt::format("a block of {} x {} warps", block.warps_m, block.warps_n));
  const bool wide = block.bits == 64;
  const auto name = wide ? fmt::format("m8n8k{}", block.instruction_k)
                         : fmt::format("m16n8k{}.b{}", block.instruction_k, block.bits);
  const auto a = named_fragment("mma.a." + name);
  const auto b = named_fragment("mma.b." + name);
  if (!a || !b) return fail(fmt::format("there is no mma.{}", name));
  const RegisterLayout c = wide ? mma_f64_c() : mma_c();
  const auto m = parts("m", block.m, (wide ? 8 : 16) * static_cast<std::int64_t>(block.warps_m));
  const auto n = parts("n", block.n, 8 * static_cast<std::int64_t>(block.warps_n));
  const auto k = parts("k", block.k, block.instruction_k);
  for (const auto* part : {&m, &n, &k})
    if (!*part) return tl::make_unexpected(part->error());
  return MmaLayouts{.a = spatial(block.warps_m, 1) * replicated(block.warps_n) * local(*m, *k) * *a,
                    .b = replicated(block.warps_m) * spatial(1, block.warps_n) * local(*k, *n) * *b,
                    .c = spatial(block.warps_m, block.warps_n) * local(*m, *n) * c};
}

LayoutResult<WgmmaLayouts> wgmma_block(const WgmmaBlock& block) {
  if (block.groups_m < 1 || block.groups_n < 1)
    return fail(fmt::format("a block of {} x {} warpgroups", block.groups_m, block.groups_n));
  const auto a = named_fragment(fmt::format("wgmma.a.m64k{}.b{}", block.instruction_k, block.bits));
  const auto c = named_fragment(fmt::format("wgmma.c.m64n{}", block.instruction_n));
  if (!a || !c)
    return fail(fmt::format("there is no wgmma.m64n{}k{} of {}-bit elements", block.instruction_n,
                            block.instruction_k, block.bits));
  const auto m = parts("m", block.m, 64 * static_cast<std::int64_t>(block.groups_m));
  const auto n =
      parts("n", block.n, static_cast<std::int64_t>(block.instruction_n) * block.groups_n);
  const auto k = parts("k", block.k, block.instruction_k);
  for (const auto* part : {&m, &n, &k})
    if (!*part) return tl::make_unexpected(part->error());
  return WgmmaLayouts{
      .a = spatial(block.groups_m, 1) * replicated(block.groups_n) * local(*m, *k) * *a,
      .c = spatial(block.groups_m, block.groups_n) * local(*m, *n) * *c};
}

std::optional<RegisterLayout> named_fragment(std::string_view name) {
  const std::string_view family = take_part(name);
  const std::string_view second = take_part(name);
  if (family == "ldmatrix" || family == "stmatrix") return named_ldmatrix(second, name);
  const std::string_view shape = take_part(name);
  if (family == "mma") return named_mma(second, shape, name);
  if (family == "wgmma") return named_wgmma(second, shape, name);
  return std::nullopt;
}

const std::vector<std::string>& fragment_families() {
  static const std::vector<std::string> families = {
      "mma.a.m16n8k16", "mma.b.m16n8k16", "mma.c.m16n8",   "mma.a.m16n8k32",
      "ldmatrix.x4",    "wgmma.a.m64k16", "wgmma.c.m64n64"};
  return families;
}

std::vector<std::string> fragment_names() {
  std::vector<std::string> names;
  for (const char* operand : {"a", "b"}) {
    for (const char* shape : {"m8n8k4", "m16n8k4", "m16n8k8", "m16n8k16", "m16n8k32", "m16n8k64",
                              "m16n8k8.b16", "m16n8k16.b8", "m16n8k32.b4"})
      names.push_back(fmt::format("mma.{}.{}", operand, shape));
  }
  names.insert(names.end(), {"mma.c.m8n8k4", "mma.c.m16n8"});
  for (const char* family : {"ldmatrix", "stmatrix"})
    for (const char* form : {"x1", "x2", "x4", "x1.trans", "x2.trans", "x4.trans"})
      names.push_back(fmt::format("{}.{}", family, form));
  for (const int k : {8, 16, 32}) names.push_back(fmt::format("wgmma.a.m64k{}", k));
  for (int n = 8; n <= 256; n += 8) names.push_back(fmt::format("wgmma.c.m64n{}", n));
  return names;
}

}  // namespace bitloom::layouts
