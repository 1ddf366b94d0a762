//===- Simulation.cpp - Building calls of the simulator -------------------===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Simulation.h"
#include "mlir/Interfaces/DataLayoutInterfaces.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace mlir::mfa;
namespace sim = ::mfa::sim;

Value Simulation::getState(Operation *op) {
  return op->getParentOfType<LLVM::LLVMFuncOp>().getArgument(0);
}

Value Simulation::createI32(OpBuilder &builder, Location loc, uint32_t value) {
  return LLVM::ConstantOp::create(
      builder, loc, builder.getI32Type(),
      builder.getI32IntegerAttr(static_cast<int32_t>(value)));
}

Value Simulation::createI64(OpBuilder &builder, Location loc, uint64_t value) {
  return LLVM::ConstantOp::create(builder, loc, builder.getI64Type(),
                                  builder.getI64IntegerAttr(value));
}

Value Simulation::createStateAddress(OpBuilder &builder, Operation *op,
                                     uint32_t offset) {
  Value state = getState(op);
  return LLVM::GEPOp::create(
      builder, op->getLoc(), state.getType(), builder.getI8Type(), state,
      ArrayRef<LLVM::GEPArg>{static_cast<int32_t>(offset)});
}

Value Simulation::createSharedOffset(OpBuilder &builder, Operation *op,
                                     Value pointer) {
  Location loc = op->getLoc();
  Type i64 = builder.getI64Type();
  Value address = LLVM::PtrToIntOp::create(builder, loc, i64, pointer);
  auto type = cast<LLVM::LLVMPointerType>(pointer.getType());
  if (type.getAddressSpace() == sim::kGeneric) {
    Value window = LLVM::LoadOp::create(builder, loc, i64, getState(op));
    address = LLVM::SubOp::create(builder, loc, address, window);
  }
  return LLVM::TruncOp::create(builder, loc, builder.getI32Type(), address);
}

void Simulation::storeToSlot(OpBuilder &builder, Operation *op,
                             ValueRange values, uint32_t first) {
  for (auto [i, value] : llvm::enumerate(values)) {
    Value address =
        createStateAddress(builder, op, sim::kSlotOffset + 4 * (first + i));
    LLVM::StoreOp::create(builder, op->getLoc(), value, address,
                          /*alignment=*/4);
  }
}

Value Simulation::loadFromSlot(OpBuilder &builder, Operation *op, Type type,
                               uint32_t word) {
  Value address = createStateAddress(builder, op, sim::kSlotOffset + 4 * word);
  return LLVM::LoadOp::create(builder, op->getLoc(), type, address,
                              /*alignment=*/4);
}

Value Simulation::loadStructFromSlot(OpBuilder &builder, Operation *op,
                                     Type type) {
  auto structType = dyn_cast<LLVM::LLVMStructType>(type);
  if (!structType)
    return loadFromSlot(builder, op, type, 0);
  Value result = LLVM::PoisonOp::create(builder, op->getLoc(), type);
  for (auto [i, field] : llvm::enumerate(structType.getBody())) {
    Value value = loadFromSlot(builder, op, field, i);
    result = LLVM::InsertValueOp::create(builder, op->getLoc(), result, value,
                                         static_cast<int64_t>(i));
  }
  return result;
}

Value Simulation::callFunction(OpBuilder &builder, Location loc,
                               StringRef function, Type result,
                               ValueRange arguments) {
  if (!result)
    result = LLVM::LLVMVoidType::get(builder.getContext());
  auto declaration = host.lookupSymbol<LLVM::LLVMFuncOp>(function);
  if (!declaration) {
    OpBuilder::InsertionGuard guard(builder);
    builder.setInsertionPointToStart(host.getBody());
    declaration = LLVM::LLVMFuncOp::create(
        builder, host.getLoc(), function,
        LLVM::LLVMFunctionType::get(result,
                                    llvm::to_vector(arguments.getTypes())));
  }
  auto call = LLVM::CallOp::create(builder, loc, declaration, arguments);
  return call->getNumResults() ? call.getResult() : Value();
}

Value Simulation::callRuntime(OpBuilder &builder, Operation *op,
                              StringRef function, Type result,
                              ValueRange arguments) {
  SmallVector<Value> all{getState(op)};
  llvm::append_range(all, arguments);
  all.push_back(createI32(builder, op->getLoc(), addSite(op)));
  return callFunction(builder, op->getLoc(), function, result, all);
}

uint64_t Simulation::getByteSize(Operation *op, Type type) {
  return DataLayout::closest(op).getTypeSize(type).getFixedValue();
}

uint64_t Simulation::getNaturalAlignment(Operation *op, Type type) {
  // The ABI alignment of a host may be smaller than the size; the GPU wants
  // every scalar and vector aligned to it.
  if (type.isIntOrFloat() || isa<VectorType, LLVM::LLVMPointerType>(type))
    return llvm::PowerOf2Ceil(getByteSize(op, type));
  return DataLayout::closest(op).getTypeABIAlignment(type);
}

uint32_t Simulation::addSite(Operation *op) {
  llvm::raw_string_ostream os(sites);
  os << op->getName() << '\t';
  if (auto file = op->getLoc()->findInstanceOf<FileLineColLoc>())
    os << file.getFilename().getValue() << ':' << file.getLine() << ':'
       << file.getColumn();
  else
    os << op->getLoc();
  os << '\n';
  return siteCount++;
}
