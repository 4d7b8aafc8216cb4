//! State dicts out of modules of Burn and into them.

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param, ParamId};
use burn::tensor::{Device, Tensor, TensorData};

use super::{Array, Arrays, StateDict, WeightsError};

impl StateDict {
    /// Reads a module's state. BatchNorm's running statistics are only up to date in a module taken through
    /// [`Module::valid`], so pass that.
    pub fn of(module: &impl Module) -> Self {
        let mut state = Self::default();
        named(module, |parameter| {
            let values = parameter.value().into_data().convert::<f32>().try_to_vec().expect("converted to f32 above");
            state.0.insert(parameter.path.torch_name(), Array { shape: parameter.shape.to_vec(), values });
        });
        state
    }

    /// Writes the state into a module of the same architecture.
    ///
    /// # Errors
    /// A tensor is missing or has another shape. Tensors that the module does not have are ignored.
    pub fn load_into<M: Module>(&self, module: M) -> Result<M, WeightsError> {
        let mut problem = None;
        let module = mapped(module, |Named { path, shape, device, .. }| match self.shaped(&path.torch_name(), shape) {
            Ok(values) => Some(Tensor::from_data(TensorData::new(values.to_vec(), [values.len()]), device)),
            Err(error) => {
                problem.get_or_insert(error);
                None
            }
        });
        problem.map_or(Ok(module), Err)
    }
}

/// The fields on the way from a module to a parameter, for visitors and mappers. Variants of enums are no part of it, so that
/// a parameter has the same name whether its module is a field or a variant of one.
#[derive(Clone, Debug, Default)]
pub struct Path(Vec<String>);

impl Path {
    /// For `enter_module`.
    fn enter(&mut self, name: &str, container: &str) {
        if !is_enum(container) {
            self.0.push(name.to_owned());
        }
    }

    /// For `exit_module`.
    fn exit(&mut self, container: &str) {
        if !is_enum(container) {
            self.0.pop();
        }
    }

    /// Field names, joined by dots.
    pub fn fields(&self) -> String {
        self.0.join(".")
    }

    /// Whether it leads to one of BatchNorm's running statistics.
    pub fn is_statistic(&self) -> bool {
        self.0.last().is_some_and(|name| name.starts_with("running_"))
    }

    /// Torchvision's name, which a [`StateDict`] uses.
    pub fn torch_name(&self) -> String {
        self.fields()
            .replace("downsample.conv", "downsample.0")
            .replace("downsample.bn", "downsample.1")
            .replace(".gamma", ".weight")
            .replace(".beta", ".bias")
    }
}

/// Burn names the container of a variant "Enum:" and the enum.
fn is_enum(container: &str) -> bool {
    container.starts_with("Enum:")
}

/// A parameter or buffer on a walk through a module.
pub struct Named<'a> {
    /// What Burn knows it by.
    pub id: ParamId,
    /// Where it is.
    pub path: &'a Path,
    /// Its shape.
    pub shape: &'a [usize],
    /// Where its numbers are or will be.
    pub device: &'a Device,
    value: &'a dyn Fn() -> Tensor<1>,
}

impl Named<'_> {
    /// Its numbers in one row. A parameter that was not read before draws them now.
    pub fn value(&self) -> Tensor<1> {
        (self.value)()
    }
}

/// Shows every parameter and buffer of a module.
pub fn named(module: &impl Module, each: impl FnMut(Named<'_>)) {
    module.visit(&mut Each { path: Path::default(), each });
}

/// The module with other parameters and buffers: those that `change` returns, as long as the old ones, and the old ones where
/// it returns none.
pub fn mapped<M: Module>(module: M, change: impl FnMut(Named<'_>) -> Option<Tensor<1>>) -> M {
    module.map(&mut Each { path: Path::default(), each: change })
}

struct Each<F> {
    path: Path,
    each: F,
}

impl<F> Each<F> {
    fn ask<T, const D: usize>(&mut self, param: &Param<Tensor<D>>) -> T
    where
        F: FnMut(Named<'_>) -> T,
    {
        let (shape, device) = (param.lazy_shape(), param.lazy_device());
        let value = &|| param.val().flatten(0, D - 1);
        (self.each)(Named { id: param.id, path: &self.path, shape: &shape, device: &device, value })
    }
}

impl<F: FnMut(Named<'_>)> ModuleVisitor for Each<F> {
    fn enter_module(&mut self, name: &str, container: &str) {
        self.path.enter(name, container);
    }

    fn exit_module(&mut self, _name: &str, container: &str) {
        self.path.exit(container);
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        self.ask(param);
    }
}

impl<F: FnMut(Named<'_>) -> Option<Tensor<1>>> ModuleMapper for Each<F> {
    fn enter_module(&mut self, name: &str, container: &str) {
        self.path.enter(name, container);
    }

    fn exit_module(&mut self, _name: &str, container: &str) {
        self.path.exit(container);
    }

    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let Some(other) = self.ask(&param) else { return param };
        let other: Tensor<D> = other.reshape(param.lazy_shape());
        Param::initialized(param.id, other).set_require_grad(param.is_require_grad())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Backbone, NetworkConfig};
    use burn::tensor::Device;

    #[test]
    fn resnet18_has_torchvisions_names_and_shapes() {
        let backbone = crate::backbone::Backbone::new(&NetworkConfig::paper(Backbone::ResNet18), &Device::flex());
        let state = StateDict::of(&backbone);
        // torchvision's resnet18 has 122 entries, of which 20 are num_batches_tracked and 2 are fc.
        assert_eq!(state.0.len(), 100);
        assert_eq!(state.get("conv1.weight").unwrap().shape, [64, 3, 7, 7]);
        assert_eq!(state.get("layer2.0.downsample.0.weight").unwrap().shape, [128, 64, 1, 1]);
        assert_eq!(state.get("layer4.1.bn2.running_var").unwrap().shape, [512]);
    }

    #[test]
    fn another_architecture_is_named() {
        let device = Device::flex();
        let state = StateDict::of(&burn::nn::LinearConfig::new(3, 2).init(&device));
        let error = state.load_into(burn::nn::LinearConfig::new(4, 2).init(&device)).unwrap_err();
        assert!(error.to_string().contains("[3, 2], the architecture needs [4, 2]"), "{error}");
        let error = state.load_into(burn::nn::BatchNormConfig::new(4).init(&device)).unwrap_err();
        assert!(matches!(error, WeightsError::Missing(_) | WeightsError::Shape { .. }));
    }
}
