//! The graph as the bytes of a file. Field numbers are those of `onnx.proto3` of ONNX 1.12.

use std::collections::HashMap;

use super::graph::{Attribute, Graph, Node, Numbers, Value};
use super::wire::Message;

/// The format's version that came with operator set 17.
const IR_VERSION: i64 = 8;
const OPERATOR_SET: i64 = 17;

/// Element types.
const FLOAT: i64 = 1;
const INT64: i64 = 7;

impl Graph {
    /// The file, with these results under these names.
    pub fn file(&self, outputs: &[(&str, &Value)]) -> Vec<u8> {
        // A result is not copied to get its name: the operation that makes it writes it under that name.
        let names: HashMap<&str, &str> = outputs.iter().map(|(name, value)| (value.name.as_str(), *name)).collect();
        let parts = self.parts.borrow();
        let results = outputs.iter().map(|(name, value)| info(name, &value.shape));
        let graph = Message::default()
            .messages(1, parts.nodes.iter().map(|node| operation(node, &names)))
            .text(2, &self.name)
            .messages(5, parts.constants.iter().map(|(value, numbers)| constant(value, numbers)))
            .messages(11, parts.inputs.iter().map(|value| info(&value.name, &value.shape)))
            .messages(12, results);
        Message::default()
            .integer(1, IR_VERSION)
            .text(2, "glae")
            .message(7, &graph)
            .message(8, &Message::default().text(1, "").integer(2, OPERATOR_SET))
            .into_bytes()
    }
}

fn operation(node: &Node, names: &HashMap<&str, &str>) -> Message {
    let name = |name: &String| names.get(name.as_str()).map_or_else(|| name.clone(), |name| (*name).to_owned());
    node.inputs
        .iter()
        .fold(Message::default(), |message, input| message.text(1, &name(input)))
        .text(2, &name(&node.output.name))
        .text(4, node.op)
        .messages(5, node.attributes.iter().map(|(name, value)| attribute(name, value)))
}

fn attribute(name: &str, value: &Attribute) -> Message {
    let named = Message::default().text(1, name);
    match value {
        Attribute::Integer(value) => named.integer(3, *value).integer(20, 2),
        Attribute::Text(value) => named.text(4, value).integer(20, 3),
        Attribute::Integers(values) => named.integers(8, values.iter().copied()).integer(20, 7),
    }
}

fn constant(value: &Value, numbers: &Numbers) -> Message {
    let (kind, bytes): (i64, Vec<u8>) = match numbers {
        Numbers::Floats(values) => (FLOAT, values.iter().flat_map(|value| value.to_le_bytes()).collect()),
        Numbers::Integers(values) => (INT64, values.iter().flat_map(|value| value.to_le_bytes()).collect()),
    };
    let shape = value.shape.iter().map(|length| *length as i64);
    Message::default().integers(1, shape).integer(2, kind).text(8, &value.name).bytes(9, &bytes)
}

/// Name, type and shape of what goes in or comes out.
fn info(name: &str, shape: &[usize]) -> Message {
    let sides = shape.iter().map(|length| Message::default().integer(1, *length as i64));
    let tensor = Message::default().integer(1, FLOAT).message(2, &Message::default().messages(1, sides));
    Message::default().text(1, name).message(2, &Message::default().message(1, &tensor))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tiny_file_is_byte_for_byte_that_of_the_onnx_package() {
        let graph = Graph::new("tiny");
        let input = graph.input("input", &[1, 2]);
        let turned = graph.transpose(&input, &[1, 0]);
        // Written by Python's onnx 1.23.2 for a Transpose of `input` to `output` with perm [1, 0].
        let node = b"\n\x05input\x12\x06output\"\tTranspose*\r\n\x04perm@\x01@\x00\xa0\x01\x07";
        let graph_bytes = [
            [b"\n".as_slice(), &[node.len() as u8], node, b"\x12\x04tiny"].concat(),
            b"Z\x17\n\x05input\x12\x0e\n\x0c\x08\x01\x12\x08\n\x02\x08\x01\n\x02\x08\x02".to_vec(),
            b"b\x18\n\x06output\x12\x0e\n\x0c\x08\x01\x12\x08\n\x02\x08\x02\n\x02\x08\x01".to_vec(),
        ]
        .concat();
        let whole =
            [b"\x08\x08\x12\x04glae:".as_slice(), &[graph_bytes.len() as u8], &graph_bytes, b"B\x04\n\x00\x10\x11"];
        assert_eq!(graph.file(&[("output", &turned)]), whole.concat());
    }

    #[test]
    fn constants_travel_as_little_endian_bytes() {
        // The same package's TensorProto of [[1, -2]].
        let floats = constant(&Value { name: "bias_0".into(), shape: vec![1, 2] }, &Numbers::Floats(vec![1.0, -2.0]));
        assert_eq!(floats.into_bytes(), b"\x08\x01\x08\x02\x10\x01B\x06bias_0J\x08\x00\x00\x80?\x00\x00\x00\xc0");
    }
}
