"""Estimator → graph: one table, from the exact class of an estimator to the function that converts it.

A subclass is not in the table: it may have changed anything. Estimators without a converter of ours
go to skl2onnx (``stock``). Every converter has the same shape:

    convert(estimator, features, scope) -> {method: tensor}
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sklearn import (
    compose,
    decomposition,
    discriminant_analysis,
    ensemble,
    feature_extraction,
    feature_selection,
    frozen,
    impute,
    linear_model,
    model_selection,
    pipeline,
    preprocessing,
    svm,
    tree,
)

from skerry.export.converters import (
    composition,
    encoding,
    forest,
    gradient_boosting,
    hist_gradient_boosting,
    imputation,
    linear,
    projection,
    scaling,
    selection,
    text,
)
from skerry.export.converters.scope import Scope
from skerry.export.converters.stock import stock
from skerry.export.graph import Features, Outputs, Trace

Converter = Callable[[Any, Features, Scope], Outputs]

LINEAR_CLASSIFIERS = (
    linear_model.PassiveAggressiveClassifier,
    linear_model.Perceptron,
    linear_model.RidgeClassifier,
    linear_model.RidgeClassifierCV,
    svm.LinearSVC,
)
LINEAR_REGRESSORS = (
    linear_model.ARDRegression,
    linear_model.BayesianRidge,
    linear_model.ElasticNet,
    linear_model.ElasticNetCV,
    linear_model.HuberRegressor,
    linear_model.Lars,
    linear_model.LarsCV,
    linear_model.Lasso,
    linear_model.LassoCV,
    linear_model.LassoLars,
    linear_model.LassoLarsCV,
    linear_model.LassoLarsIC,
    linear_model.LinearRegression,
    linear_model.MultiTaskElasticNet,
    linear_model.MultiTaskElasticNetCV,
    linear_model.MultiTaskLasso,
    linear_model.MultiTaskLassoCV,
    linear_model.OrthogonalMatchingPursuit,
    linear_model.OrthogonalMatchingPursuitCV,
    linear_model.PassiveAggressiveRegressor,
    linear_model.QuantileRegressor,
    linear_model.Ridge,
    linear_model.RidgeCV,
    linear_model.SGDRegressor,
    linear_model.TheilSenRegressor,
    svm.LinearSVR,
)
GENERALIZED_LINEAR_REGRESSORS = (
    linear_model.GammaRegressor,
    linear_model.PoissonRegressor,
    linear_model.TweedieRegressor,
)
SELECTORS = (
    feature_selection.GenericUnivariateSelect,
    feature_selection.SelectFdr,
    feature_selection.SelectFpr,
    feature_selection.SelectFromModel,
    feature_selection.SelectFwe,
    feature_selection.SelectKBest,
    feature_selection.SelectPercentile,
    feature_selection.SequentialFeatureSelector,
    feature_selection.VarianceThreshold,
)

CONVERTERS: dict[type, Converter] = {
    pipeline.Pipeline: composition.pipeline,
    pipeline.FeatureUnion: composition.feature_union,
    compose.ColumnTransformer: composition.column_transformer,
    model_selection.GridSearchCV: composition.best_estimator,
    model_selection.RandomizedSearchCV: composition.best_estimator,
    frozen.FrozenEstimator: composition.frozen,
    preprocessing.FunctionTransformer: composition.function_transformer,
    preprocessing.StandardScaler: scaling.standard_scaler,
    preprocessing.MinMaxScaler: scaling.min_max_scaler,
    preprocessing.MaxAbsScaler: scaling.max_abs_scaler,
    preprocessing.RobustScaler: scaling.robust_scaler,
    preprocessing.OneHotEncoder: encoding.one_hot_encoder,
    preprocessing.OrdinalEncoder: encoding.ordinal_encoder,
    feature_extraction.text.CountVectorizer: text.count_vectorizer,
    feature_extraction.text.TfidfVectorizer: text.tfidf_vectorizer,
    feature_extraction.text.TfidfTransformer: text.tfidf_transformer,
    impute.SimpleImputer: imputation.simple_imputer,
    decomposition.PCA: projection.pca,
    decomposition.IncrementalPCA: projection.pca,
    decomposition.TruncatedSVD: projection.truncated_svd,
    discriminant_analysis.LinearDiscriminantAnalysis: linear.linear_discriminant,
    linear_model.LogisticRegression: linear.logistic_regression,
    linear_model.LogisticRegressionCV: linear.logistic_regression,
    linear_model.SGDClassifier: linear.sgd_classifier,
    **dict.fromkeys(LINEAR_CLASSIFIERS, linear.linear_classifier),
    **dict.fromkeys(LINEAR_REGRESSORS, linear.linear_regressor),
    **dict.fromkeys(GENERALIZED_LINEAR_REGRESSORS, linear.generalized_linear_regressor),
    **dict.fromkeys(SELECTORS, selection.selector),
    feature_selection.RFE: selection.recursive_elimination,
    feature_selection.RFECV: selection.recursive_elimination,
    tree.DecisionTreeClassifier: forest.forest_classifier,
    tree.DecisionTreeRegressor: forest.forest_regressor,
    tree.ExtraTreeClassifier: forest.forest_classifier,
    tree.ExtraTreeRegressor: forest.forest_regressor,
    ensemble.RandomForestClassifier: forest.forest_classifier,
    ensemble.RandomForestRegressor: forest.forest_regressor,
    ensemble.ExtraTreesClassifier: forest.forest_classifier,
    ensemble.ExtraTreesRegressor: forest.forest_regressor,
    ensemble.GradientBoostingClassifier: gradient_boosting.gradient_boosting_classifier,
    ensemble.GradientBoostingRegressor: gradient_boosting.gradient_boosting_regressor,
    ensemble.HistGradientBoostingClassifier: hist_gradient_boosting.hist_gradient_boosting_classifier,
    ensemble.HistGradientBoostingRegressor: hist_gradient_boosting.hist_gradient_boosting_regressor,
}


def convert(estimator: Any, features: Features, scope: Scope) -> Outputs:
    """Convert a fitted estimator that is fed with ``features``.

    Raises:
        UnsupportedEstimator: it, or one of its settings, has no exact conversion.
    """
    outputs = _converter(estimator, scope)(estimator, features, scope)
    scope.graph.traces.append(Trace(scope.where(estimator), estimator, scope.rows, outputs))
    return outputs


def _converter(estimator: Any, scope: Scope) -> Converter:
    kind = type(estimator)
    if kind in CONVERTERS:
        return CONVERTERS[kind]
    if kind.__module__.partition(".")[0] != "sklearn":
        raise scope.refuse(
            estimator,
            f"class {kind.__module__}.{kind.__qualname__} is not one of scikit-learn's, so nothing is known of what it computes",
        )
    return stock


__all__ = ["CONVERTERS", "Converter", "Scope", "convert"]
