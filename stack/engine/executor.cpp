#include "stack/engine/executor.h"

namespace bitloom::stack {

runtime::Result<Array> Executor::upload(const runtime::HostArray& from) {
  auto array = allocate(from.type(), from.shape());
  if (!array) return array;
  if (auto done = write(*array, from); !done) return tl::make_unexpected(done.error());
  return array;
}

runtime::Result<std::shared_ptr<Product>> Executor::product(const ProductWeights&) {
  return std::shared_ptr<Product>();
}

}  // namespace bitloom::stack
