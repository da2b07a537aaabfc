// Scan, sort and selection of tensors against those of the host: by CUB, or over the host where the
// program was built without it.
#include "kernels/index/device_index.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstring>
#include <random>

#include "tests/kernels/arrays.h"

namespace bitloom::test {
namespace {

using runtime::Device;
using runtime::HostArray;
using runtime::Stream;
using runtime::Tensor;

struct DeviceIndexOnGpu : testing::Test {
  Device device = *Device::open();
  Stream stream = *Stream::create(device);

  Tensor upload(const HostArray& array) const { return *Tensor::from_host(array, stream); }
  Tensor empty(vm::ElementType type, std::int64_t n) const {
    return *Tensor::allocate(device, type, {n});
  }
  std::vector<std::int32_t> words(const Tensor& t) const {
    const HostArray host = *t.to_host(stream);
    const auto span = host.as<std::int32_t>();
    return {span.begin(), span.end()};
  }
};

TEST_F(DeviceIndexOnGpu, IsThatOfTheHost) {
  std::mt19937_64 random(test_seed());
  fmt::print("by {}\n", kernels::has_device_index() ? "CUB" : "the host");
  for (const std::int64_t n :
       {std::int64_t{1}, pick(random, 2, 5000), pick(random, 100'000, 1'000'000)}) {
    SCOPED_TRACE(fmt::format("n={}", n));
    HostArray counts = zeros(vm::kI32, {n}), keys = zeros(vm::kF32, {n});
    for (std::int64_t i = 0; i < n; ++i) {
      counts.set_code(static_cast<std::size_t>(i), static_cast<std::uint64_t>(pick(random, 0, 2)));
      keys.set_code(static_cast<std::size_t>(i),
                    vm::encode(vm::kF32, static_cast<double>(pick(random, -1000, 1000)) / 8));
    }
    std::vector<std::int32_t> sums(static_cast<std::size_t>(n + 1)),
        places(static_cast<std::size_t>(n)), chosen(places);
    const Tensor device_sums = empty(vm::kI32, n + 1);
    const auto scanned = kernels::exclusive_scan(stream, upload(counts), device_sums);
    ASSERT_TRUE(scanned) << scanned.error().message;
    kernels::exclusive_scan(counts.as<std::int32_t>(), sums);
    EXPECT_EQ(words(device_sums), sums);

    const Tensor device_keys = upload(keys), device_places = empty(vm::kI32, n);
    const auto sorted = kernels::sort_descending(stream, device_keys, device_places);
    ASSERT_TRUE(sorted) << sorted.error().message;
    kernels::sort_descending(keys.as<float>(), places);
    EXPECT_EQ(words(device_places), places);
    const HostArray back = *device_keys.to_host(stream);
    EXPECT_EQ(std::memcmp(back.bytes().data(), keys.bytes().data(), keys.bytes().size()), 0);

    const Tensor device_chosen = *Tensor::zeros(stream, vm::kI32, {n});
    const auto count = kernels::select_marked(stream, upload(counts), device_chosen);
    ASSERT_TRUE(count) << count.error().message;
    ASSERT_EQ(*count, kernels::select_marked(counts.as<std::int32_t>(), chosen));
    std::vector<std::int32_t> device_list = words(device_chosen);
    device_list.resize(static_cast<std::size_t>(*count));
    chosen.resize(static_cast<std::size_t>(*count));
    EXPECT_EQ(device_list, chosen);
  }
}

TEST_F(DeviceIndexOnGpu, RefusesOtherTypesAndLengths) {
  const auto scanned = kernels::exclusive_scan(stream, empty(vm::kI32, 10), empty(vm::kI32, 10));
  ASSERT_FALSE(scanned);
  EXPECT_EQ(scanned.error().code, "BL1105");
  EXPECT_FALSE(kernels::sort_descending(stream, empty(vm::kI32, 10), empty(vm::kI32, 10)));
  EXPECT_FALSE(kernels::select_marked(stream, empty(vm::kI32, 10), empty(vm::kI32, 9)));
}

}  // namespace
}  // namespace bitloom::test
