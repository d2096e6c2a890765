"""Writes the seeds in token_shard/ and training_record/."""
import hashlib
import json
import os
import struct

HERE = os.path.dirname(os.path.abspath(__file__))


def padded(data):
    return data + bytes(-len(data) % 8)


def shard(documents, wide=False, learnt=False, labels=False):
    tokens = [token for document in documents for token in document]
    ends, end = [], 0
    for document in documents:
        end += len(document)
        ends.append(end)
    data = b"JLTOKENS" + struct.pack("<II", 1, 4 if wide else 2)
    data = padded(data + struct.pack(f"<{len(tokens)}{'I' if wide else 'H'}", *tokens))
    data = padded(data + struct.pack(f"<{len(ends)}Q", *ends))
    if learnt:
        data = padded(data + struct.pack("<Q", 0b10110) * ((len(tokens) + 63) // 64))
    if labels:
        data = padded(data + struct.pack(f"<{len(ends)}i", *(i % 2 for i in range(len(ends)))))
    info = json.dumps({"tokenizer": "t", "vocabulary": 300, "format": "classify", "key": "k", "text_bytes": 9,
                       "records": 2, "empty": 0, "duplicates": 0, "repaired": 0, "classes": ["a", "b"]}).encode()
    data += info
    footer = struct.pack("<QQQQ", len(documents), len(tokens), learnt + 2 * labels, len(info))
    return data + footer + hashlib.sha256(data).hexdigest().encode()


def write(folder, name, data):
    os.makedirs(os.path.join(HERE, folder), exist_ok=True)
    with open(os.path.join(HERE, folder, name), "wb") as file:
        file.write(data)


write("token_shard", "narrow", shard([[1, 2, 3], [4, 5]]))
write("token_shard", "wide_labels", shard([[1, 2, 3], [4, 5], [299]], wide=True, labels=True))
write("token_shard", "learnt", shard([[1] * 70, [4, 5]], learnt=True))
write("token_shard", "empty", shard([]))
# The first byte chooses format (mod 5), JSON (even), cut (/ 5 mod 3), template (mod 7), separator (> 200).
CHAT = {"messages": [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "the cat"}]}
PAIR = {"prompt": "the", "chosen": "cat", "rejected": [{"role": "assistant", "content": "dog"}]}
write("training_record", "text", bytes([5]) + b"\xef\xbb\xbfone\r\ntwo\n\nthree \xff\n")
write("training_record", "lines", bytes([11]) + b"one\n\ntwo\n")
write("training_record", "separator", bytes([205]) + b"one\n<end>\ntwo\n<end>\n<end>")
write("training_record", "next_token", bytes([10]) + b'{"text": "the cat"}\n' + json.dumps(CHAT).encode())
write("training_record", "classify", bytes([2]) + b'{"text": "a", "label": 3}\n{"text": "b", "label": "x"}')
write("training_record", "chat", bytes([8]) + json.dumps(CHAT).encode())
write("training_record", "prompt", bytes([28]) + b'{"prompt": "the ", "completion": "cat"}')
write("training_record", "preference", bytes([4]) + json.dumps(PAIR).encode())
write("training_record", "broken", bytes([8]) + b'{"messages": [{"role": 1}]}\n{"messages": []}\n[1]\n{"a')
