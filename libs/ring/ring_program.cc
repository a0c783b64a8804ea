#include "libs/ring/ring_program.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <system_error>

#include "libs/ring/fuzz_ring.h"
#include "tools/fuzz/require.h"

namespace sluice::ring {
namespace {

constexpr int kMaxSteps = 400;
// Of the largest ring here.
constexpr uint64_t kPages = (kDataStart + 2 * kMinCapacity) / kPageBytes;

std::string BytesOf(uint64_t number) {
  return std::string(reinterpret_cast<const char*>(&number), sizeof(number));
}

}  // namespace

RingProgram::RingProgram(FuzzInput input) : ring_(EmptyRing()), input_(input) {
  StartProducer();
  StartReader();
}

void RingProgram::Run() {
  for (int i = 0; i < kMaxSteps && !input_.empty(); ++i) Step();
  // What comes now is the same for all programs.
  input_ = FuzzInput(nullptr, 0);
  if (ledger_.damaged()) {
    CheckThatItGoesOn();
  } else {
    ReadAll();
    ledger_.CheckEnd();
  }
}

void RingProgram::Step() {
  const unsigned code = input_.Byte() % 32;
  if (code < 15) {
    Append();
  } else if (code < 20) {
    Read(1 + input_.Below(16));
  } else if (code < 23) {
    Advance(input_.Below(8));
  } else if (code < 25) {
    StartProducer();
  } else if (code < 27) {
    StartReader();
  } else if (code == 27) {
    StartAnew();
  } else if (code < 30) {
    Overwrite();
  } else if (code == 30) {
    PutBack();
  } else {
    Replace();
  }
}

bool RingProgram::Append(bool reported) {
  const size_t code = input_.Byte();
  // Small ones, and others of which a few fill the ring or that are too large.
  const size_t size = 8 + (code < 100 ? code : (code - 99) * 106);
  const std::string content = ledger_.NextContent(size);
  const size_t cut = size / 3;
  const Piece pieces[] = {{content.data(), cut}, {content.data() + cut, size - cut}};
  const auto now_ms = static_cast<uint64_t>(absl::ToInt64Milliseconds(clock_.Uptime()));
  const RingError error = producer_.Append(pieces, 2, now_ms);
  const uint64_t stride = RecordHeader{0, 0, static_cast<uint32_t>(size), 0}.Stride();
  if (error != RingError::kNone) {
    // A record may take its own size twice, at the end of a lap.
    Require(ledger_.damaged() || !producer_.is_open() || size > producer_.max_content_bytes() ||
                producer_.UsedBytes() + 2 * stride > capacity_,
            "refused with room enough");
    return false;
  }
  Require(!cut_off_, "appended to a file that is not the ring any more");
  const uint64_t end = producer_.head();
  ledger_.Append(producer_.header().id, end - stride, end, size, reported);
  return true;
}

// Killed while it wrote, and the record was never there; or before the new head was published, and
// it is.
void RingProgram::KillInAppend(bool written) {
  const uint64_t head = producer_.head();
  if (!Append(written)) return;
  const RingMemory memory = producer_.Memory();
  const RingLedger::Record& record = ledger_.records().back();
  const uint64_t last = record.position % capacity_ + kRecordHeaderBytes + record.size - 1;
  if (!written) const_cast<uint8_t*>(memory.data.bytes)[last] ^= 1;
  memory.producer->head.store(head);
}

// As after a kill.
void RingProgram::StartProducer() {
  const bool was_open = producer_.is_open();
  const uint64_t id = was_open ? producer_.header().id : 0;
  uint64_t lowest = producer_.head();
  const uint64_t kill = input_.Below(8);
  if (was_open && kill < 2) KillInAppend(kill == 0);
  const uint64_t highest = producer_.head();
  if (kill != 1) lowest = highest;
  cut_off_ = false;
  RingError error = producer_.Open(ring_.Options(capacity_, boot_));
  if (error == RingError::kForeign || error == RingError::kNewer) {
    // Moved away, as the message says.
    std::filesystem::remove(ring_.path());
    error = producer_.Open(ring_.Options(capacity_, boot_));
  }
  if (error != RingError::kNone) {
    Require(ledger_.damaged() || error == RingError::kTooManyOld, "the producer cannot start");
    return;
  }
  const uint64_t head = producer_.head();
  Require(ledger_.damaged() || producer_.header().id != id || (lowest <= head && head <= highest),
          "the producer does not go on where it was");
  ledger_.StartProducer(producer_.header().id, head);
}

void RingProgram::StartReader() {
  const bool resume = input_.Byte() % 2 == 1;
  reader_.reset();
  reader_ = OpenReader(ring_, boot_, &clock_);
  Require(reader_ != nullptr || ledger_.damaged(), "the reader cannot start");
  if (reader_ != nullptr && resume && !ledger_.undrained().empty()) {
    const RingLedger::Record& last = ledger_.undrained().back();
    Require(reader_->ResumeAfter(last.ring_id, last.end) || ledger_.damaged(), "cannot resume");
    ledger_.Drain(ledger_.undrained().size());
  }
  ledger_.StartReader();
}

// The producer with another capacity, or the whole machine.
void RingProgram::StartAnew() {
  const uint64_t code = input_.Below(4);
  producer_.Close();
  if (code == 0) {
    capacity_ = 3 * kMinCapacity - capacity_;
    return StartProducer();
  }
  reader_.reset();
  ++boot_;
  if (code == 1) StartReader();
  StartProducer();
  if (code != 1) StartReader();
}

void RingProgram::Read(size_t max_records) {
  if (reader_ == nullptr) return;
  reader_->Read(max_records, &batch_);
  ledger_.Read(batch_);
  // A producer's new ring is followed to after some seconds.
  if (batch_.records.empty()) clock_.Advance(absl::Seconds(1));
}

void RingProgram::ReadAll() {
  int reads = 0;
  for (int empty = 0; reader_ != nullptr && empty < 5; ++reads) {
    Require(reads < kMaxReads, "reading never ends");
    Read(100);
    empty = batch_.records.empty() ? empty + 1 : 0;
  }
}

// Up to one of the last records that were read.
void RingProgram::Advance(size_t back) {
  const auto& undrained = ledger_.undrained();
  if (undrained.empty() || reader_ == nullptr) return;
  const size_t index = undrained.size() - 1 - back % undrained.size();
  Require(reader_->Advance(undrained[index].ring_id, undrained[index].end).ok(), "cannot advance");
  ledger_.Drain(index + 1);
}

// Bytes of the file at the path, but never its size.
void RingProgram::Poke(uint64_t at, const std::string& bytes) {
  if (at < kDataStart) {
    ledger_.Damage();
  } else {
    ledger_.DamageData();
  }
  std::error_code error;
  const uint64_t size = std::filesystem::file_size(ring_.path(), error);
  if (error || at >= size) return;
  std::fstream file(ring_.path(), std::ios::in | std::ios::out | std::ios::binary);
  file.seekp(static_cast<std::streamoff>(at));
  file.write(bytes.data(), static_cast<std::streamsize>(std::min(bytes.size(), size - at)));
}

void RingProgram::Overwrite() {
  const uint64_t head = producer_.head();
  switch (input_.Below(6)) {
    case 0: {  // head or tail, by a number that may be one
      const uint64_t at = input_.Below(2) == 0 ? kProducerStart : kReaderStart;
      const uint64_t bases[] = {head, head - capacity_, head + capacity_,
                                0,    kMaxPosition,     kMaxTail};
      const uint64_t base = bases[input_.Below(6)];
      return Poke(at, BytesOf(base + input_.Byte() * 8 - 1024));
    }
    case 1:  // a page that never reached the disk
      return Poke(input_.Below(kPages) * kPageBytes, std::string(kPageBytes, '\0'));
    case 2: {  // the end of the last record
      const uint64_t last = (head - 1 - input_.Byte()) % capacity_;
      return Poke(kDataStart + last, input_.Bytes(4));
    }
    case 3: {
      const uint64_t at = input_.Below(kHeaderBytes);
      return Poke(at, input_.Bytes(8));
    }
    case 4: {
      const uint64_t at = input_.Below(kDataStart);
      return Poke(at, input_.Bytes(16));
    }
    default: {
      const uint64_t at = kDataStart + input_.Number(3) % capacity_;
      return Poke(at, input_.Bytes(32));
    }
  }
}

// What stood there once comes back: a record, pages, the whole file.
void RingProgram::PutBack() {
  const uint64_t code = input_.Below(8);
  if (code < 3) {
    photo_ = ReadFile(ring_.path());
    photo_records_ = ledger_.records().size();
  } else if (code < 6 && photo_records_ > 0) {
    const size_t number = photo_records_ - 1 - input_.Byte() % photo_records_;
    const RingLedger::Record& record = ledger_.records()[number];
    const uint64_t from = kDataStart + record.position % capacity_;
    const uint64_t to = code == 3 ? kDataStart + input_.Below(8192) * 8 : from;
    if (from < photo_.size()) Poke(to, photo_.substr(from, record.end - record.position));
  } else if (code == 6) {
    const uint64_t from = input_.Below(kPages) * kPageBytes;
    const uint64_t bytes = (1 + input_.Below(16)) * kPageBytes;
    if (from < photo_.size()) Poke(from, photo_.substr(from, bytes));
  } else if (code == 7) {
    ReplaceBy(photo_);
  }
}

void RingProgram::Replace() {
  switch (input_.Below(4)) {
    case 0:
      std::filesystem::remove(ring_.path());
      CutOff();
      break;
    case 1:
      ReplaceBy(input_.Bytes(128));
      break;
    case 2:
      ReplaceBy(ReadFile(ring_.path()));
      break;
    default: {
      // The reader would be killed when it touches what is missing, as everybody who maps a file.
      reader_.reset();
      uint64_t size = input_.Number(3) % (kDataStart + 2 * kMinCapacity);
      if (size == kDataStart + capacity_) ++size;
      std::error_code missing;
      std::filesystem::resize_file(ring_.path(), size, missing);
      CutOff();
    }
  }
  if (input_.Below(2) == 0) StartProducer();
}

void RingProgram::ReplaceBy(const std::string& bytes) {
  WriteFile(ring_.Beside(".other"), bytes);
  std::filesystem::rename(ring_.Beside(".other"), ring_.path());
  ledger_.AllowRereads();
  CutOff();
}

void RingProgram::CutOff() {
  ledger_.Damage();
  cut_off_ = true;
  // After which the producer looks at the path.
  clock_.Advance(absl::Seconds(1));
}

// Whatever happened: once both ends have started again, what is appended comes out.
void RingProgram::CheckThatItGoesOn() {
  StartProducer();
  // There are too many old rings.
  if (!producer_.is_open()) return;
  StartReader();
  Require(reader_ != nullptr, "the reader cannot open the producer's ring");
  ReadAll();
  Advance(0);
  Require(Append(), "stuck: nothing can be appended");
  ReadAll();
  const auto& read = ledger_.undrained();
  Require(!read.empty() && read.back().number + 1 == ledger_.records().size(),
          "stuck: nothing can be read");
}

}  // namespace sluice::ring
