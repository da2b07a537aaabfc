// Tensors over a driver without a GPU: types of every width, views, DLPack both ways.
#include "runtime/tensor.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/runtime/fake_driver/fake_driver.h"

namespace bitloom::test {
namespace {

using namespace runtime;  // NOLINT: the whole room is under test

class Tensors : public testing::Test {
 protected:
  void SetUp() override { fake.reset(); }
  FakeDriver& fake = fake_driver();
};

TEST_F(Tensors, EveryTypeComesBackAsItWent) {
  const Stream stream = *Stream::create(*Device::open());
  for (const vm::ElementType type : vm::all_element_types()) {
    if (type == vm::kTF32) continue;
    HostArray array = *HostArray::zeros(type, {3, 7});
    const std::uint64_t mask = type.bits == 64 ? ~0ull : (1ull << type.bits) - 1;
    for (std::size_t i = 0; i < array.size(); ++i)
      array.set_code(i, (i * 0x9E3779B97F4A7C15ull) & mask);
    const auto tensor = Tensor::from_host(array, stream);
    ASSERT_TRUE(tensor) << to_string(type) << ": " << tensor.error().message;
    EXPECT_EQ(tensor->bytes(), (21u * type.bits + 7) / 8) << to_string(type);
    const auto back = tensor->to_host(stream);
    ASSERT_TRUE(back);
    EXPECT_TRUE(std::ranges::equal(back->bytes(), array.bytes())) << to_string(type);
  }
  EXPECT_EQ(fake.allocations, 0);
}

TEST_F(Tensors, ViewsKnowWhetherTheyAreDense) {
  const Device gpu = *Device::open();
  const Buffer buffer = *Buffer::allocate(gpu, 4096);
  EXPECT_TRUE(Tensor::wrap(buffer, vm::kF32, {4, 8}, {8, 1})->is_dense());
  EXPECT_TRUE(Tensor::wrap(buffer, vm::kF32, {1, 8}, {100, 1})->is_dense());
  EXPECT_FALSE(Tensor::wrap(buffer, vm::kF32, {4, 8}, {16, 1})->is_dense());
  EXPECT_FALSE(Tensor::wrap(buffer, vm::kF32, {4, 8}, {1, 4})->is_dense());
  EXPECT_EQ(Tensor::wrap(buffer, vm::kF32, {1024, 2}).error().code, "BL0421");
  EXPECT_EQ(Tensor::wrap(buffer, vm::kF32, {4, 8}, {8}).error().code, "BL0404");
  EXPECT_EQ(Tensor::wrap(buffer, vm::kF32, {-1}).error().code, "BL0612");
  const Stream stream = *Stream::create(gpu);
  EXPECT_EQ(Tensor::wrap(buffer, vm::kF32, {4, 8}, {16, 1})->to_host(stream).error().code,
            "BL0806");
}

TEST_F(Tensors, CopiesGoToAnotherGpu) {
  fake.devices.push_back({});
  const Stream here = *Stream::create(*Device::open(0)), there = *Stream::create(*Device::open(1));
  HostArray array = *HostArray::zeros(vm::unsigned_type(3), {5, 9});
  for (std::size_t i = 0; i < array.size(); ++i) array.set_code(i, i % 8);
  const Tensor tensor = *Tensor::from_host(array, here);
  const auto copy = tensor.to(there);
  ASSERT_TRUE(copy) << copy.error().message;
  EXPECT_EQ(copy->device(), there.device());
  EXPECT_NE(copy->address(), tensor.address());
  EXPECT_TRUE(std::ranges::equal(copy->to_host(there)->bytes(), array.bytes()));
  const Tensor strided = *Tensor::wrap(tensor.buffer(), vm::kU8, {2, 2}, {4, 1});
  EXPECT_EQ(strided.to(there).error().code, "BL0806");
  fake.fail["cuMemcpyAsync"] = cuda::kInvalidValue;
  EXPECT_EQ(tensor.to(there).error().code, "BL0801");
  EXPECT_EQ(fake.allocations, 2);
}

TEST_F(Tensors, DlpackGivesTheSameMemoryAndKeepsItAlive) {
  dlpack::ManagedTensor* managed = nullptr;
  void* address = nullptr;
  {
    const auto tensor = Tensor::allocate(*Device::open(), vm::kBF16, {5, 6});
    address = tensor->address();
    managed = *tensor->to_dlpack();
  }
  EXPECT_EQ(fake.allocations, 1);
  EXPECT_EQ(managed->tensor.data, address);
  EXPECT_EQ(managed->tensor.type.code, dlpack::kBfloat);
  EXPECT_EQ(managed->tensor.type.bits, 16);
  EXPECT_EQ(managed->tensor.rank, 2);
  EXPECT_EQ(managed->tensor.shape[1], 6);
  EXPECT_EQ(managed->tensor.strides[0], 6);
  {
    const auto back = Tensor::from_dlpack(managed);
    ASSERT_TRUE(back) << back.error().message;
    EXPECT_EQ(back->address(), address);
    EXPECT_EQ(back->element(), vm::kBF16);
    EXPECT_EQ(back->shape(), (Shape{5, 6}));
  }
  EXPECT_EQ(fake.allocations, 0) << "the deleter was called";
}

TEST_F(Tensors, DlpackTensorsThatAreNotOursAreGivenBack) {
  static int deleted = 0;
  std::int64_t shape[] = {4}, strides[] = {1};
  float data[4] = {};
  const auto managed = [&] {
    return dlpack::ManagedTensor{
        {data, {dlpack::kCuda, 0}, 1, {dlpack::kFloat, 32, 1}, shape, strides, 0},
        nullptr,
        [](dlpack::ManagedTensor*) { ++deleted; }};
  };
  auto on_host = managed();
  on_host.tensor.device.type = dlpack::kCpu;
  auto vectors = managed();
  vectors.tensor.type.lanes = 4;
  auto complex_numbers = managed();
  complex_numbers.tensor.type.code = static_cast<dlpack::TypeCode>(5);
  auto odd = managed();
  odd.tensor.type = {dlpack::kInt, 4, 1};
  auto deep = managed();
  deep.tensor.rank = 1000;
  for (dlpack::ManagedTensor* bad : {&on_host, &vectors, &complex_numbers, &odd, &deep}) {
    const auto refused = Tensor::from_dlpack(bad);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, "BL0809") << refused.error().message;
  }
  EXPECT_EQ(deleted, 5);
  EXPECT_FALSE(Tensor::from_dlpack(nullptr));
  const auto narrow = Tensor::allocate(*Device::open(), vm::unsigned_type(4), {4});
  EXPECT_EQ(narrow->to_dlpack().error().code, "BL0809");
}

}  // namespace
}  // namespace bitloom::test
